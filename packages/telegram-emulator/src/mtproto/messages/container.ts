import { createReader, TlError } from '../../tl/reader.ts'
import type { Message } from './encrypted-message.ts'

const MAX_CONTAINED = 1024

/** The constructor's id at the start of a body; 0 when the body is too short. */
export function typeIdOf(body: Uint8Array): number {
  return body.length < 4 ? 0 : createReader(body).uint()
}

/** The messages inside a container, or null when it is not a well-formed one (https://core.telegram.org/mtproto/service_messages#simple-container). */
export function parseContainer(body: Uint8Array): Message[] | null {
  try {
    const reader = createReader(body.subarray(4))
    const count = reader.uint()
    if (count > MAX_CONTAINED) return null
    return Array.from({ length: count }, () => ({
      id: reader.long(),
      seqno: reader.int(),
      body: reader.raw(reader.uint()),
    }))
  } catch (error) {
    if (error instanceof TlError) return null
    throw error
  }
}
