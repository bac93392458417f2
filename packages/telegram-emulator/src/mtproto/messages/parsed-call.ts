import { decoder } from '../../tl/codec.ts'
import { createReader, TlError, UnknownIdError } from '../../tl/reader.ts'
import type { TlObject } from '../../types.ts'

/** A method without what it was wrapped in, and what the wrappers said. */
export interface ParsedCall {
  method: TlObject
  /** Messages that must have succeeded before. */
  after: bigint[]
  /** The layer of the types that the client knows, if it said so. */
  layer: number | null
  /** What it was wrapped in, the outermost first. */
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

/** What a client is told whose call could not be read; other errors are thrown on. */
export function nameUnreadable(error: unknown): string {
  if (!(error instanceof TlError)) throw error
  if (!(error instanceof UnknownIdError)) return 'INPUT_FETCH_ERROR'
  return error.isMethod
    ? `INPUT_METHOD_INVALID_${error.id}`
    : `INPUT_CONSTRUCTOR_INVALID_${error.id.toString(16).toUpperCase()}`
}

const SMALLEST_WEIGHT = 64 * 1024
const LARGEST_ANSWER = 1024 * 1024

/** The bytes that a call holds in memory while it runs: what it brought and what it asks for. */
export function weightOf({ method }: ParsedCall, body: Uint8Array): number {
  const asked = method._.startsWith('upload.get') ? Number(method.limit) || 0 : 0
  const answer = Math.max(0, Math.min(asked, LARGEST_ANSWER))
  return Math.max(SMALLEST_WEIGHT, body.length + answer)
}
