import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import type { ByteSource } from '../../core/model/stream.ts'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { ClientLeft } from '../connections/client-signal.ts'

/** Read ahead of the disk at most. */
const AHEAD_BYTES = 128 * KiB

/**
 * The bytes of a request, read as fast as they are taken. Everything that has come before the
 * sender breaks off is given first, and only then ClientLeft is thrown: a cut line keeps what it
 * has brought. Nothing is read before the first byte is asked for.
 */
export function openBody(request: IncomingMessage): ByteSource {
  const passing = new PassThrough({ highWaterMark: AHEAD_BYTES })
  let released = false
  let left = false

  function stop(): void {
    request.unpipe(passing)
    if (!passing.writableEnded) passing.end()
  }

  function onBroken(error?: Error): void {
    if (request.complete) return
    // One that is cut for standing still is told how far it got: clients take a 408 for the end.
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
    requestUnlock: () => {
      released = true
      stop()
    },
  }
}
