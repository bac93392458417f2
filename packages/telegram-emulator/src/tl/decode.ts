import { unzipSync } from 'node:zlib'
import type { TlObject, TlValue } from '../types.ts'
import { createReader, TlError, type TlReader, UnknownIdError } from './reader.ts'
import type { Definition, Layout, Schema } from './schema.ts'

const GZIP_PACKED = 0x3072cfa1
const VECTOR = 0x1cb5c415
const BOOL_TRUE = 0x997275b5
const BOOL_FALSE = 0xbc799737
const MAX_UNPACKED_LENGTH = 8 * 1024 * 1024

export interface TlDecoder {
  /** Reads one boxed constructor, of any layer. */
  object: (reader: TlReader) => TlObject
  /**
   * Reads a method call, unpacking gzip at any depth. Each method that carries another one
   * (`query:!X`) is given to `onWrapper` without it, as soon as it is read.
   */
  call: (reader: TlReader, onWrapper: (wrapper: TlObject) => void) => TlObject
}

/** The bytes inside a gzip_packed, unpacked within a bound. Some clients write a zlib header. */
export function unpackGzip(packed: Uint8Array): Uint8Array {
  try {
    return unzipSync(packed, { maxOutputLength: MAX_UNPACKED_LENGTH })
  } catch (cause) {
    throw new TlError('Bad gzip', { cause })
  }
}

/** Reads objects by a schema. Byte strings are views of the data that is read. */
export function createDecoder(schema: Schema): TlDecoder {
  function object(reader: TlReader): TlObject {
    const id = reader.uint()
    if (id === GZIP_PACKED) return object(createReader(unpackGzip(reader.bytes())))
    const definition = schema.constructorById(id)
    if (!definition) throw new UnknownIdError(id, false)
    return fields(reader, definition)
  }

  function fields(reader: TlReader, definition: Definition): TlObject {
    const result: TlObject = { _: definition.name }
    const flags = new Map<string, number>()
    for (const { name, layout, condition } of definition.fields) {
      if (layout.kind === 'query') break
      if (layout.kind === 'flags') {
        flags.set(name, reader.uint())
        continue
      }
      const present = !condition || ((flags.get(condition.flags) ?? 0) >>> condition.bit) & 1
      if (layout.kind === 'true') result[name] = Boolean(present)
      else if (present) result[name] = value(reader, layout)
    }
    return result
  }

  function value(reader: TlReader, layout: Layout): TlValue {
    switch (layout.kind) {
      case 'int':
        return reader.int()
      case 'long':
        return reader.long()
      case 'double':
        return reader.double()
      case 'string':
        return reader.string()
      case 'bytes':
        return reader.bytes()
      case 'fixed':
        return reader.raw(layout.size)
      case 'bool':
        return bool(reader)
      case 'boxed':
        return object(reader)
      case 'bare':
        return bare(reader, layout.constructor)
      case 'vector':
        return vector(reader, layout)
      default:
        throw new TlError(`A ${layout.kind} cannot be read here`)
    }
  }

  function bool(reader: TlReader): boolean {
    const id = reader.uint()
    if (id === BOOL_TRUE) return true
    if (id === BOOL_FALSE) return false
    throw new UnknownIdError(id, false)
  }

  function bare(reader: TlReader, name: string): TlObject {
    const definition = schema.byName(name, 0)
    if (!definition) throw new TlError(`No constructor ${name}`)
    return fields(reader, definition)
  }

  function vector(reader: TlReader, { boxed, item }: Layout & { kind: 'vector' }): TlValue[] {
    if (boxed) {
      const id = reader.uint()
      if (id !== VECTOR) throw new UnknownIdError(id, false)
    }
    const count = reader.uint()
    // No item is shorter than an int, so a false count must not make a long array.
    if (count * 4 > reader.remaining) throw new TlError('Vector longer than the data')
    return Array.from({ length: count }, () => value(reader, item))
  }

  function call(reader: TlReader, onWrapper: (wrapper: TlObject) => void): TlObject {
    for (let source = reader; ; ) {
      const id = source.uint()
      if (id === GZIP_PACKED) {
        source = createReader(unpackGzip(source.bytes()))
        continue
      }
      const definition = schema.methodById(id)
      if (!definition) throw new UnknownIdError(id, true)
      const method = fields(source, definition)
      if (!definition.fields.some(({ layout }) => layout.kind === 'query')) return method
      onWrapper(method)
    }
  }

  return { object, call }
}
