import type { TlObject, TlValue } from '../types.ts'
import type { Definition, Field, Layout, Schema } from './schema.ts'
import { createWriter, type Encoded, type TlWriter } from './writer.ts'

const VECTOR = 0x1cb5c415
const BOOL_TRUE = 0x997275b5
const BOOL_FALSE = 0xbc799737

export interface TlEncoder {
  /** Writes a boxed object as clients of `layer` know it. */
  object: (writer: TlWriter, value: TlObject, layer: number) => void
  /** Writes the result of a method. */
  result: (writer: TlWriter, method: string, value: TlValue, layer: number) => void
  encode: (value: TlObject, layer: number) => Encoded
}

type WriteValue = (writer: TlWriter, source: TlValue) => void

const writeInt: WriteValue = (writer, source) => writer.int(Number(source) || 0)

const writeLong: WriteValue = (writer, source) =>
  writer.long(typeof source === 'bigint' ? source : BigInt(Number(source) || 0))

const writeBytes: WriteValue = (writer, source) => {
  if (source instanceof Uint8Array) writer.bytes(source)
  else writer.string(typeof source === 'string' ? source : '')
}

const SIMPLE: Partial<Record<Layout['kind'], WriteValue>> = {
  int: writeInt,
  long: writeLong,
  double: (writer, source) => writer.double(Number(source) || 0),
  string: writeBytes,
  bytes: writeBytes,
  bool: (writer, source) => writer.int(source === true ? BOOL_TRUE : BOOL_FALSE),
}

const isObject = (value: TlValue): value is TlObject =>
  typeof value === 'object' && !Array.isArray(value) && !(value instanceof Uint8Array)

/** Whether the field itself asks for its bit; several fields may share one. */
function isPresent(value: TlValue, layout: Layout): boolean {
  return layout.kind === 'true' ? value === true : value !== undefined
}

function computeFlags(definition: Definition, source: TlObject, name: string): number {
  let flags = 0
  for (const { name: field, layout, condition } of definition.fields) {
    if (condition?.flags === name && isPresent(source[field], layout)) flags |= 1 << condition.bit
  }
  return flags
}

/**
 * Writes objects by a schema. A field that the caller leaves out is zero or empty; a field that the
 * layer does not know is left out.
 */
export function createEncoder(schema: Schema): TlEncoder {
  function object(writer: TlWriter, source: TlObject, layer: number): void {
    const definition = schema.byName(source._, layer)
    if (!definition) throw new TypeError(`The schema has no ${source._}`)
    writer.int(definition.id)
    fields(writer, definition, source, layer)
  }

  function fields(writer: TlWriter, definition: Definition, source: TlObject, layer: number): void {
    const flags = new Map<string, number>()
    for (const field of definition.fields) {
      if (field.layout.kind === 'flags') {
        const bits = computeFlags(definition, source, field.name)
        flags.set(field.name, bits)
        writer.int(bits)
      } else if (isWritten(field, flags)) {
        value(writer, field.layout, source[field.name], layer)
      }
    }
  }

  function isWritten({ layout, condition }: Field, flags: Map<string, number>): boolean {
    if (layout.kind === 'true') return false
    if (!condition) return true
    // Decided by the bit and not by the value: fields that share a bit come together or not at all.
    return (((flags.get(condition.flags) ?? 0) >>> condition.bit) & 1) === 1
  }

  function value(writer: TlWriter, layout: Layout, source: TlValue, layer: number): void {
    const simple = SIMPLE[layout.kind]
    if (simple) simple(writer, source)
    else if (layout.kind === 'fixed') fixed(writer, layout.size, source)
    else if (layout.kind === 'bare') bare(writer, layout.constructor, source, layer)
    else if (layout.kind === 'vector') vector(writer, layout, source, layer)
    else if (isObject(source)) object(writer, source, layer)
    else if (layout.kind === 'boxed') object(writer, emptyOf(layout.type, layer), layer)
    else throw new TypeError(`Cannot write a ${layout.kind}`)
  }

  function fixed(writer: TlWriter, size: number, source: TlValue): void {
    const bytes = source instanceof Uint8Array ? source : new Uint8Array(size)
    if (bytes.length !== size) throw new TypeError(`Expected ${size} bytes, got ${bytes.length}`)
    writer.raw(bytes)
  }

  function bare(writer: TlWriter, name: string, source: TlValue, layer: number): void {
    const definition = schema.byName(name, layer)
    if (!definition || !isObject(source)) throw new TypeError(`Expected a ${name}`)
    fields(writer, definition, source, layer)
  }

  function vector(
    writer: TlWriter,
    { boxed, item }: Layout & { kind: 'vector' },
    source: TlValue,
    layer: number,
  ): void {
    const items = Array.isArray(source) ? source : []
    if (boxed) writer.int(VECTOR)
    writer.int(items.length)
    for (const entry of items) value(writer, item, entry, layer)
  }

  /** The type's empty constructor, in place of a required object that was left out. */
  function emptyOf(type: string, layer: number): TlObject {
    const names = schema.constructorsOf(type)
    const name =
      names.find((candidate) => candidate.endsWith('Empty')) ??
      names.find((candidate) => (schema.byName(candidate, layer)?.since ?? 0) <= layer)
    if (!name) throw new TypeError(`The schema has no ${type}`)
    return { _: name }
  }

  return {
    object,
    result: (writer, method, source, layer) => {
      const layout = schema.byName(method, layer)?.result
      // The name that an object carries decides, so that any constructor of its type may be given.
      if (isObject(source)) object(writer, source, layer)
      else if (layout) value(writer, layout, source, layer)
      else throw new TypeError(`The schema has no ${method}`)
    },
    encode: (source, layer) => {
      const writer = createWriter()
      object(writer, source, layer)
      return writer.finish()
    },
  }
}
