import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { type ApiDocument, type ApiResponse, operationsOf, pointer } from './document.ts'

/** One answer of a worker, as it went over the wire. */
export interface RecordedAnswer {
  /** Where it comes from: file and name of the test. */
  test: string
  method: string
  /** With the query. */
  path: string
  status: number
  /** By lower-case names. */
  headers: Record<string, string>
  /** Null when there was none, or more than is kept. */
  body: string | null
}

/** Says what of an answer is not as the document has it; null when all is. */
export type Judge = (answer: RecordedAnswer) => string | null

/** Folders and addresses that are no part of the API. */
const UNLISTED = /^\/(docs|assets|hand-over|cluster)(\/|$)/
/** Headers that an answer may only carry where the document says so. */
const TELLING = ['content-range', 'etag', 'location', 'retry-after', 'upload-offset']
/** Nginx' status for a client that has left, so no client gets it. */
const CLIENT_LEFT = 499

const DOCUMENT = 'document'

export function createJudge(document: ApiDocument): Judge {
  const validate = createValidators(document)
  const operations = operationsOf(document)
    // A path without parameters is matched before one with them (OpenAPI 3.1, section 4.8.8.2).
    .toSorted((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')))
    .map((each) => ({
      ...each,
      pattern: new RegExp(`^${each.path.replace(/\{\w+\}/g, '[^/]+')}$`),
    }))

  function judgeBody(response: ApiResponse, at: string[], answer: RecordedAnswer): string | null {
    const { body, method, headers } = answer
    const type = headers['content-type']?.split(';')[0] ?? null
    if (response.content === undefined) {
      if (method === 'HEAD' || type === null) return null
      return `a body of ${type}, where there should be none`
    }
    if (method === 'HEAD') return null
    const known = Object.keys(response.content)
    if (type === null || !(known.includes(type) || known.includes('*/*'))) {
      return `the type ${type}, where there should be ${known.join(' or ')}`
    }
    if (body === null || !known.includes('application/json')) return null
    const check = validate(pointer(...at, 'content', 'application/json', 'schema'))
    for (const text of textsIn(body, type)) {
      const problem = problemWith(text, check)
      if (problem) return problem
    }
    return null
  }

  return (answer) => {
    const { method, status, headers } = answer
    const path = pathOf(answer.path)
    if (UNLISTED.test(path) || status === CLIENT_LEFT) return null
    const found = operations.filter(({ pattern }) => pattern.test(path))
    const own = found.find((each) => each.method === method.toLowerCase())
    const shown =
      own ?? (method === 'HEAD' ? found.find((each) => each.method === 'get') : undefined)
    if (!shown) return judgeUnlisted(answer, validate(pointer('components', 'schemas', 'Error')))
    const response = shown.operation.responses[status]
    if (!response) return `the status ${status}, which is not documented`
    const extra = TELLING.find(
      (name) =>
        headers[name] !== undefined &&
        !Object.keys(response.headers ?? {}).some((each) => each.toLowerCase() === name),
    )
    if (extra) return `the header ${extra}, which is not documented for ${status}`
    const at = ['paths', shown.path, shown.method, 'responses', String(status)]
    return judgeBody(response, at, answer)
  }
}

/** Without the query; a caller may write the whole address, as to a proxy, or `*` for the root. */
function pathOf(target: string): string {
  const path = target.replace(/^https?:\/\/[^/?]*/i, '').replace(/[?#].*/s, '')
  if (path === '*') return '/'
  return path === '/files/' ? '/files' : path
}

/** What is not in the document must be refused, in the document's words. */
function judgeUnlisted({ method, status, body }: RecordedAnswer, check: ValidateFunction) {
  if (method === 'OPTIONS' && status === 204) return null
  if (status < 400) return `the status ${status} for a call that is not documented`
  return method === 'HEAD' || body === null ? null : problemWith(body, check)
}

/** The JSON texts in a body: the whole, or the data of its events. */
function textsIn(body: string, type: string): string[] {
  if (type === 'application/json') return [body]
  if (type !== 'text/event-stream') return []
  return [...body.matchAll(/^data: (.*)$/gm)].map(([, text = '']) => text)
}

function problemWith(text: string, check: ValidateFunction): string | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'no JSON'
  }
  if (check(value)) return null
  const problems = (check.errors ?? []).map(({ instancePath, message, params }) => {
    const what = params.additionalProperty ?? params.unevaluatedProperty ?? ''
    return `${instancePath || 'it'} ${message} ${what}`.trim()
  })
  return `${problems.join(', ')}: ${text.slice(0, 300)}`
}

/**
 * Compiles the schemas at paths of the document. Callers must bear fields that are not there, but
 * the worker must not send them: here every object is closed.
 */
export function createValidators(document: ApiDocument): (place: string) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  formats.default(ajv)
  ajv.addSchema({ ...closed(document), $id: DOCUMENT })
  const compiled = new Map<string, ValidateFunction>()
  return (place) => {
    const check = compiled.get(place) ?? ajv.compile({ $ref: `${DOCUMENT}${place}` })
    compiled.set(place, check)
    return check
  }
}

function closed<Part>(part: Part): Part {
  if (Array.isArray(part)) return part.map(closed) as Part
  if (typeof part !== 'object' || part === null) return part
  const entries = Object.entries(part).map(([name, value]) => [name, closed(value)])
  const copy = Object.fromEntries(entries)
  if (copy.type === 'object' && copy.properties) copy.additionalProperties ??= false
  return copy
}
