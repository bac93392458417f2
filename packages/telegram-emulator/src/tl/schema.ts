/** How one value is laid out on the wire. */
export type Layout =
  | { kind: 'int' | 'long' | 'double' | 'string' | 'bytes' | 'bool' | 'true' | 'flags' | 'query' }
  | { kind: 'fixed'; size: number }
  | { kind: 'boxed'; type: string }
  | { kind: 'bare'; constructor: string }
  | { kind: 'vector'; boxed: boolean; item: Layout }

export interface Field {
  name: string
  layout: Layout
  /** The bit that is set when the field is there, in the flags field of that name. */
  condition: { flags: string; bit: number } | null
}

export interface Definition {
  name: string
  id: number
  isMethod: boolean
  fields: Field[]
  result: Layout
  /** The type a constructor belongs to, as written after the equals sign. */
  type: string
  /** The first layer whose clients know this id. */
  since: number
}

export interface Schema {
  constructorById: (id: number) => Definition | undefined
  methodById: (id: number) => Definition | undefined
  /** The newest definition of that name known to clients of `layer`; the oldest one if none is. */
  byName: (name: string, layer: number) => Definition | undefined
  /** Names of a type's constructors, in the order of the text. */
  constructorsOf: (type: string) => readonly string[]
}

const SIMPLE = new Map<string, Layout>([
  ['int', { kind: 'int' }],
  ['long', { kind: 'long' }],
  ['double', { kind: 'double' }],
  ['string', { kind: 'string' }],
  ['bytes', { kind: 'bytes' }],
  ['int128', { kind: 'fixed', size: 16 }],
  ['int256', { kind: 'fixed', size: 32 }],
  ['Bool', { kind: 'bool' }],
  ['true', { kind: 'true' }],
  ['#', { kind: 'flags' }],
])

const LINE = /^([\w.]+)#([0-9a-f]{8}) (?:(.*) )?= ([^;]+);(?: \/\/ (\d*)\.\.\d*)?$/
const CONDITION = /^(\w+)\.(\d+)\?(.+)$/
const VECTOR = /^([Vv])ector<(.+)>$/

function parseLayout(text: string): Layout {
  const simple = SIMPLE.get(text)
  if (simple) return simple
  if (text.startsWith('!') || text === 'X') return { kind: 'query' }
  const vector = VECTOR.exec(text)
  if (vector?.[2]) return { kind: 'vector', boxed: vector[1] === 'V', item: parseLayout(vector[2]) }
  // A type's name has a capital after its namespace; a lower-case one is a bare constructor
  // (https://core.telegram.org/mtproto/TL-formal).
  const initial = text.charAt(text.lastIndexOf('.') + 1)
  return initial === initial.toLowerCase()
    ? { kind: 'bare', constructor: text }
    : { kind: 'boxed', type: text }
}

function parseField(text: string): Field {
  const colon = text.indexOf(':')
  const name = text.slice(0, colon)
  const type = text.slice(colon + 1)
  const condition = CONDITION.exec(type)
  if (!condition?.[1] || !condition[3]) return { name, layout: parseLayout(type), condition: null }
  return {
    name,
    layout: parseLayout(condition[3]),
    condition: { flags: condition[1], bit: Number(condition[2]) },
  }
}

function parseLine(line: string, isMethod: boolean): Definition {
  const match = LINE.exec(line)
  if (!match?.[1] || !match[2] || !match[4]) throw new Error(`Not a line of TL: ${line}`)
  return {
    name: match[1],
    id: Number.parseInt(match[2], 16),
    isMethod,
    fields: match[3] ? match[3].split(' ').map(parseField) : [],
    result: parseLayout(match[4]),
    type: match[4],
    since: Number(match[5] || 0),
  }
}

/** Reads TL text; within each text, `---functions---` begins the methods. */
export function parseSchema(...texts: string[]): Schema {
  const constructors = new Map<number, Definition>()
  const methods = new Map<number, Definition>()
  const names = new Map<string, Definition[]>()
  const types = new Map<string, string[]>()

  for (const text of texts) {
    let isMethod = false
    for (const line of text.split('\n')) {
      if (line === '---functions---') isMethod = true
      if (line === '' || line.startsWith('//') || line.startsWith('---')) continue
      const definition = parseLine(line, isMethod)
      const ids = isMethod ? methods : constructors
      ids.set(definition.id, definition)
      const versions = names.get(definition.name)
      if (versions) {
        versions.push(definition)
        continue
      }
      names.set(definition.name, [definition])
      if (isMethod) continue
      const siblings = types.get(definition.type)
      if (siblings) siblings.push(definition.name)
      else types.set(definition.type, [definition.name])
    }
  }

  return {
    constructorById: (id) => constructors.get(id),
    methodById: (id) => methods.get(id),
    byName: (name, layer) => {
      const versions = names.get(name)
      return versions?.findLast((version) => version.since <= layer) ?? versions?.[0]
    },
    constructorsOf: (type) => types.get(type) ?? [],
  }
}
