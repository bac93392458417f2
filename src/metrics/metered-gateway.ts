import type { Road } from '../core/ports/records.ts'
import type { TelegramGateway, TransferRequest } from '../core/ports/telegram.ts'
import { AppError } from '../errors.ts'
import type { Instruments } from './instruments.ts'

/** Called with the road that an upload takes, at each attempt. */
export type RoadListener = (uploadId: string, road: Road) => void

/** A gateway that counts what passes through it, and is otherwise the same. */
export function meterGateway(
  gateway: TelegramGateway,
  instruments: Instruments,
  onRoad: RoadListener,
): TelegramGateway {
  const { bytes, attempts, reads, floodSeconds } = instruments

  function metered(request: TransferRequest): TransferRequest {
    let accepted: number | null = null
    let waitUntil = 0
    return {
      ...request,
      onEvent: (event) => {
        if (event.phase === 'sending') {
          // The first event of an attempt tells what Telegram had before.
          const more = event.acceptedBytes - (accepted ?? event.acceptedBytes)
          if (more > 0) bytes.inc({ direction: 'to_telegram' }, more)
          accepted = event.acceptedBytes
        }
        if (event.phase === 'waiting') {
          // All parts in flight hear of the same wait.
          const now = performance.now()
          const until = now + event.retryAfter * 1000
          floodSeconds.inc(Math.max(0, until - Math.max(waitUntil, now)) / 1000)
          waitUntil = Math.max(waitUntil, until)
        }
        request.onEvent(event)
      },
    }
  }

  async function attempt<T>(request: TransferRequest, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!request.signal.aborted) {
        const retryable = error instanceof AppError && error.retryable
        attempts.inc({ cause: causeOf(error), retryable: String(retryable) })
      }
      throw error
    }
  }

  async function reading<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) reads.inc({ cause: causeOf(error) })
      throw error
    }
  }

  return {
    ...gateway,
    sendAvailable: (request) => attempt(request, () => gateway.sendAvailable(metered(request))),
    finish: (request) => {
      const { credentials, file } = request
      onRoad(file.uploadId, gateway.roadFor(credentials, file.size, request))
      return attempt(request, () => gateway.finish(metered(request)))
    },
    locate: (credentials, messageId, signal, fileId) =>
      reading(signal, () => gateway.locate(credentials, messageId, signal, fileId)),
    locateAll: (credentials, messageIds, signal) =>
      reading(signal, () => gateway.locateAll(credentials, messageIds, signal)),
    readBlock: (document, block, signal) =>
      reading(signal, async () => {
        const answer = await gateway.readBlock(document, block, signal)
        bytes.inc({ direction: 'from_telegram' }, answer.length)
        return answer
      }),
    readThumbnail: (document, signal) =>
      reading(signal, async () => {
        const answer = await gateway.readThumbnail(document, signal)
        if (answer) bytes.inc({ direction: 'from_telegram' }, answer.length)
        return answer
      }),
  }
}

/** A code of the table in errors.ts: there are few of them. */
function causeOf(error: unknown): string {
  return error instanceof AppError ? error.code : 'INTERNAL'
}
