import { decoder } from '../../tl/codec.ts'
import { createReader, TlError, UnknownIdError } from '../../tl/reader.ts'
import type { TlObject } from '../../types.ts'

/** A method without its wrappers, and the fields of the wrappers. */
export interface ParsedCall {
  method: TlObject
  /** Messages that must have succeeded before. */
  after: bigint[]
  /** The layer that invokeWithLayer names, if there was one. */
  layer: number | null
  /** The wrappers, the outermost first. */
  wrappers: TlObject[]
}

/** Reads a method and its wrappers (https://core.telegram.org/api/invoking); throws TlError. */
export function parseCall(body: Uint8Array): ParsedCall {
  const after: bigint[] = []
  const wrappers: TlObject[] = []
  let layer: number | null = null
  const method = decoder.call(createReader(body), (wrapper) => {
    wrappers.push(wrapper)
    if (wrapper._ === 'invokeWithLayer') layer = Number(wrapper.layer)
    if (!wrapper._.startsWith('invokeAfterMsg')) return
    const ids = Array.isArray(wrapper.msg_ids) ? wrapper.msg_ids : [wrapper.msg_id]
    for (const id of ids) if (typeof id === 'bigint') after.push(id)
  })
  return { method, after, layer, wrappers }
}

/** Returns the error's name for a call that could not be read; throws other errors again. */
export function nameUnreadable(error: unknown): string {
  if (!(error instanceof TlError)) throw error
  if (!(error instanceof UnknownIdError)) return 'INPUT_FETCH_ERROR'
  return error.isMethod
    ? `INPUT_METHOD_INVALID_${error.id}`
    : `INPUT_CONSTRUCTOR_INVALID_${error.id.toString(16).toUpperCase()}`
}

const SMALLEST_WEIGHT = 64 * 1024
const LARGEST_ANSWER = 1024 * 1024

/** The bytes that a call holds in memory while it runs: its own and those of its answer. */
export function weightOf({ method }: ParsedCall, body: Uint8Array): number {
  const asked = method._.startsWith('upload.get') ? Number(method.limit) || 0 : 0
  const answer = Math.max(0, Math.min(asked, LARGEST_ANSWER))
  return Math.max(SMALLEST_WEIGHT, body.length + answer)
}
