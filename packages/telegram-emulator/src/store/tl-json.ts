import type { TlObject, TlValue } from '../types.ts'

// JSON knows neither 64-bit numbers nor bytes: each is written as an object of one telling field.
const LONG = '$long'
const BYTES = '$bytes'

/** Writes TL values as text. */
export function toTlJson(value: unknown): string {
  return JSON.stringify(value, (_name, entry: unknown) => {
    if (typeof entry === 'bigint') return { [LONG]: entry.toString() }
    if (entry instanceof Uint8Array) return { [BYTES]: Buffer.from(entry).toString('base64') }
    return entry
  })
}

/** Reads a text of `toTlJson`. */
export function fromTlJson(text: string): TlValue {
  return JSON.parse(text, (_name, entry: unknown) => {
    if (typeof entry !== 'object' || entry === null) return entry
    if (LONG in entry) return BigInt(String(entry[LONG]))
    if (BYTES in entry) return Buffer.from(String(entry[BYTES]), 'base64')
    return entry
  })
}

/** A list of objects, as `toTlJson` wrote it. */
export const objectsOf = (text: string): TlObject[] => fromTlJson(text) as TlObject[]
