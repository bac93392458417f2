import { badRequest } from './rpc-error.ts'
import type { TlObject, TlValue } from './types.ts'

// The protocol half decodes by the schema, so these hold; the checks are for callers in tests.

export function int(object: TlObject, field: string): number {
  const value = object[field]
  if (typeof value !== 'number') throw badRequest('INPUT_FETCH_ERROR')
  return value
}

export function long(object: TlObject, field: string): bigint {
  const value = object[field]
  if (typeof value === 'number') return BigInt(value)
  if (typeof value !== 'bigint') throw badRequest('INPUT_FETCH_ERROR')
  return value
}

export function text(object: TlObject, field: string): string {
  const value = object[field]
  if (typeof value !== 'string') throw badRequest('INPUT_FETCH_ERROR')
  return value
}

export function bytes(object: TlObject, field: string): Uint8Array {
  const value = object[field]
  if (!(value instanceof Uint8Array)) throw badRequest('INPUT_FETCH_ERROR')
  return value
}

export function child(object: TlObject, field: string): TlObject {
  const value = object[field]
  if (!isTlObject(value)) throw badRequest('INPUT_FETCH_ERROR')
  return value
}

export function children(object: TlObject, field: string): TlObject[] {
  const value = object[field]
  if (!Array.isArray(value)) throw badRequest('INPUT_FETCH_ERROR')
  return value.filter(isTlObject)
}

export function ints(object: TlObject, field: string): number[] {
  const value = object[field]
  if (!Array.isArray(value)) throw badRequest('INPUT_FETCH_ERROR')
  return value.filter((entry) => typeof entry === 'number')
}

export function longs(object: TlObject, field: string): bigint[] {
  const value = object[field]
  if (!Array.isArray(value)) throw badRequest('INPUT_FETCH_ERROR')
  return value.filter((entry) => typeof entry === 'bigint')
}

/** An optional `int`: 0 when the client left it out. */
export const optionalInt = (object: TlObject, field: string): number =>
  typeof object[field] === 'number' ? object[field] : 0

export const flag = (object: TlObject, field: string): boolean => object[field] === true

export function isTlObject(value: TlValue): value is TlObject {
  return (
    typeof value === 'object' &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array) &&
    typeof value._ === 'string'
  )
}
