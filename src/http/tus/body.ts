import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { ByteSource } from '../../core/model/stream.ts'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { ClientLeft } from '../connections/client-signal.ts'

/** The most bytes that are read ahead of the disk. */
const AHEAD_BYTES = 128 * KiB

/**
 * The bytes of a request, read only as fast as the consumer takes them. If the connection breaks,
 * all bytes that have come are given before ClientLeft is thrown, so that the upload keeps them. No
 * byte is read before the consumer asks for the first one.
 */
export function openBody(request: IncomingMessage): ByteSource {
  const passing = new PassThrough({ highWaterMark: AHEAD_BYTES })
  const ending = new AbortController()
  let released = false
  let left = false

  function stop(): void {
    ending.abort()
    request.unpipe(passing)
    if (!passing.writableEnded) passing.end()
  }

  function onBroken(error?: Error): void {
    if (request.complete) return
    // A stalled sender gets the offset as its answer instead: clients give up after a 408.
    if (!(error instanceof AppError)) left = true
    stop()
  }

  async function* read(): AsyncGenerator<Uint8Array> {
    if (released) return
    if (request.destroyed && !request.complete) throw new ClientLeft()
    request.once('close', () => onBroken()).on('error', onBroken)
    request.pipe(passing)
    for await (const piece of passing) yield piece
    if (left) throw new ClientLeft()
  }

  return {
    bytes: read(),
    mayFree: true,
    ending: ending.signal,
    requestUnlock: () => {
      released = true
      stop()
    },
  }
}
