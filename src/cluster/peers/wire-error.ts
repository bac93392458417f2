import { z } from 'zod'
import { AppError, ERROR_CODES } from '../../errors.ts'

const WireError = z.object({
  code: z.string(),
  message: z.string(),
  retryAfter: z.number().optional(),
  peerDown: z.boolean(),
  details: z.record(z.string(), z.unknown()),
})

/** An AppError as a node tells it another one; its cause stays in the log of the node. */
export function writeError(error: AppError): Buffer {
  const { code, message, retryAfter, peerDown, details } = error
  const wire: z.input<typeof WireError> = { code, message, peerDown, details }
  return Buffer.from(JSON.stringify({ ...wire, ...(retryAfter !== undefined && { retryAfter }) }))
}

export function readError(content: Buffer): AppError {
  const { code, message, retryAfter, peerDown, details } = WireError.parse(
    JSON.parse(content.toString()),
  )
  const known = ERROR_CODES.find((each) => each === code)
  // A newer node knows codes that this one does not.
  return new AppError(known ?? 'PEER_UNAVAILABLE', message, {
    peerDown,
    details,
    ...(retryAfter !== undefined && { retryAfter }),
  })
}

/** `retryAfter` in seconds. */
export function peerUnavailable(cause?: unknown, retryAfter = 2): AppError {
  return new AppError('PEER_UNAVAILABLE', 'Another node of this service cannot be reached', {
    ...(cause !== undefined && { cause }),
    retryAfter,
    peerDown: true,
  })
}
