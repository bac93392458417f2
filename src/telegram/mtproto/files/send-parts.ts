import { setMaxListeners } from 'node:events'
import type { TransferRequest } from '../../../core/ports/telegram.ts'
import type { Semaphore } from '../../../lib/concurrency/semaphore.ts'
import { withTimeout } from '../../../lib/waiting/with-timeout.ts'
import { SMALL_FILE_BYTES } from '../../limits.ts'
import { SAVE_PART_METHOD } from '../account/posting-methods.ts'
import type { Permit } from '../connection/congestion-window.ts'
import type { RequestChannel } from '../connection/request-channel.ts'
import { countParts, createPartPlan, type Part } from './part-plan.ts'
import { createPartRequest, type PartRequest } from './part-request.ts'

export interface PartsJob {
  request: Pick<TransferRequest, 'file' | 'journal' | 'signal' | 'onEvent'>
  requestChannel: RequestChannel
  /** Telegram's `file_id` for the parts, decimal text. */
  fileId: string
  /** Bytes of parts that all uploads together may hold in memory. */
  memory: Semaphore
}

/** How often a file that is still arriving is looked through for parts whose bytes have come. */
const LOOK_AGAIN_MS = 50

/**
 * Sends every part whose bytes are here and that Telegram has not acknowledged, as many at once
 * as the congestion window allows. Resolves when none is left to send and all are acknowledged; the first
 * failure that is final stops the rest. Says whether Telegram has the whole file.
 */
export async function sendParts(job: PartsJob): Promise<boolean> {
  const { request, requestChannel } = job
  const { file, journal, onEvent } = request
  const plan = createPartPlan(file, journal)
  const stopped = new AbortController()
  const signal = AbortSignal.any([request.signal, stopped.signal])
  setMaxListeners(0, signal)
  const onWait = (retryAfter: number): void => onEvent({ phase: 'waiting', retryAfter })
  const running = new Set<Promise<void>>()
  const failures: unknown[] = []

  function fail(error: unknown): void {
    failures.push(error)
    stopped.abort(error)
  }

  async function run(part: Part, permit: Permit): Promise<void> {
    try {
      await sendPart(job, part, { signal, onWait, permit })
      plan.acknowledged(part)
      onEvent({ phase: 'sending', acceptedBytes: plan.acceptedBytes })
    } catch (error) {
      plan.returned(part)
      fail(error)
    }
  }

  onEvent({ phase: 'sending', acceptedBytes: plan.acceptedBytes })
  try {
    while (failures.length === 0) {
      const part = plan.next()
      if (!part) {
        if (running.size === 0) break
        await withTimeout(Promise.race(running), { ms: LOOK_AGAIN_MS, onTimeout: () => {} })
        continue
      }
      // One permit is acquired at a time, so that jobs of one account take turns.
      const permit = await requestChannel.acquire(SAVE_PART_METHOD, { signal, onWait })
      const sending = run(part, permit).finally(() => running.delete(sending))
      running.add(sending)
    }
  } catch (error) {
    fail(error)
  }
  await Promise.all(running)
  request.signal.throwIfAborted()
  if (failures.length > 0) throw failures[0]
  return plan.complete
}

async function sendPart(
  { request: { file }, requestChannel, fileId, memory }: PartsJob,
  part: Part,
  options: { signal: AbortSignal; onWait: (seconds: number) => void; permit: Permit },
): Promise<void> {
  const release = await memory.acquire(part.size, options.signal).catch((error: unknown) => {
    options.permit.release()
    throw error
  })
  try {
    const totalParts = file.size > SMALL_FILE_BYTES ? countParts(file.size) : null
    let latest: PartRequest | undefined
    await requestChannel.call(
      SAVE_PART_METHOD,
      async () => {
        const { index, size } = part
        latest = createPartRequest({ fileId, part: index, totalParts, size })
        await file.read(part.offset, latest.body)
        return latest
      },
      options,
    )
    // Memory of earlier tries is left to the garbage collector: gramjs may still hold it.
    latest?.release()
  } finally {
    release()
  }
}
