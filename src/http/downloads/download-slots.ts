import type { ServerResponse } from 'node:http'
import type { Log } from '../../core/ports/log.ts'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { abortable } from '../../lib/waiting/abortable.ts'
import { type StalledReaderWatch, watchStalledReader } from '../connections/stalled-reader.ts'
import { type EvictionLimits, nextWaiter, readerToEvict } from './fair-order.ts'

export interface DownloadSlotsOptions {
  max: number
  /** A reader that takes no byte for so long is stalled. */
  idleMs?: number
  /** How long a download runs before its speed counts. */
  warmUpMs?: number
  /** A reader that is stalled for so long is cut, even if no other download waits. */
  cutMs?: number
  /** How long a download waits for a slot. */
  waitMs?: number
  maxWaiting?: number
  maxWaitingPerUser?: number
  eviction?: EvictionLimits
}

/**
 * Limits how many downloads run at once, and divides the slots among users while downloads wait.
 * A paused video is a legitimate reader that takes nothing, so it keeps its slot for a quarter of an
 * hour. When all slots are taken and another download waits, `fair-order.ts` decides which download
 * is cut. A player whose download was cut asks for the rest with a range when it goes on.
 */
export interface DownloadSlots {
  /**
   * Resolves when the download has a slot, which is free again when the answer is over. Rejects
   * with BUSY if no slot comes free in time, and with the signal's reason.
   */
  take: (download: WantedDownload) => Promise<void>
}

export interface WantedDownload {
  reply: { raw: ServerResponse; log: Pick<Log, 'info'> }
  /** Core's user id: a ticket and a download token stand for their owner. */
  user: string
  /** Aborts when the client leaves. */
  signal: AbortSignal
}

const IDLE_MS = 5_000
const CUT_MS = 900_000
const WAIT_MS = 10_000
const MAX_WAITING = 256
const MAX_WAITING_PER_USER = 32
const EVICTION: EvictionLimits = { pausedMs: 30_000, evictAfterMs: 5_000 }
const CHECK_EVERY_MS = 500
const RETRY_AFTER_S = 5

interface Slot {
  readonly user: string
  readonly watch: StalledReaderWatch
  /** Ends the download and frees the slot. */
  readonly cut: () => void
}

interface Waiting {
  readonly user: string
  readonly since: number
  /** Leaves the queue and takes a slot. */
  readonly enter: () => void
}

export function createDownloadSlots(options: DownloadSlotsOptions): DownloadSlots {
  const { max, idleMs = IDLE_MS, warmUpMs, cutMs = CUT_MS, waitMs = WAIT_MS } = options
  const { maxWaiting = MAX_WAITING, maxWaitingPerUser = MAX_WAITING_PER_USER } = options
  const { eviction = EVICTION } = options
  const slots = new Set<Slot>()
  const queue = new Set<Waiting>()
  const slotsOf = createKeyCounts()
  const waitingOf = createKeyCounts()
  let checking: NodeJS.Timeout | undefined

  function occupy({ reply, user }: WantedDownload): void {
    const uncount = slotsOf.add(user)
    const release = (): void => {
      slots.delete(slot)
      uncount()
    }
    const onClose = (): void => {
      release()
      admit()
    }
    const cut = (): void => {
      const fields = { standingMs: watch.stalledMs(), bytesPerSecond: watch.bytesPerSecond() }
      reply.log.info(fields, 'a download was cut: it stood still, or another user had no place')
      reply.raw.off('close', onClose).destroy()
      release()
    }
    const onStalled = (): void => {
      if (watch.stalledMs() < cutMs) return
      cut()
      admit()
    }
    const watch = watchStalledReader(reply.raw, { idleMs, warmUpMs, onStalled })
    const slot: Slot = { user, watch, cut }
    slots.add(slot)
    reply.raw.once('close', onClose)
  }

  /** Gives free slots to downloads that wait, and cuts readers where `readerToEvict` says so. */
  function admit(): void {
    for (let next = nextWaiter(queue, slotsOf.of); next; next = nextWaiter(queue, slotsOf.of)) {
      if (slots.size >= max) {
        const waiter = { user: next.user, waitedMs: performance.now() - next.since }
        const evicted = readerToEvict(readers(), waiter, { ...eviction, slotsOf: slotsOf.of })
        if (evicted === null) return
        evicted.cut()
      }
      next.enter()
    }
  }

  function readers() {
    return [...slots].map(({ user, watch, cut }) => {
      return { user, cut, stalledMs: watch.stalledMs(), bytesPerSecond: watch.bytesPerSecond() }
    })
  }

  function wait(download: WantedDownload): Promise<void> {
    const { user, signal } = download
    return abortable(signal, (resolve, reject) => {
      if (queue.size >= maxWaiting || waitingOf.of(user) >= maxWaitingPerUser) {
        reject(busy())
        return () => {}
      }
      const uncount = waitingOf.add(user)
      const timer = setTimeout(() => reject(busy()), waitMs)
      const waiting: Waiting = {
        user,
        since: performance.now(),
        enter: () => {
          queue.delete(waiting)
          occupy(download)
          resolve()
        },
      }
      if (queue.size === 0) checking = setInterval(admit, CHECK_EVERY_MS)
      queue.add(waiting)
      admit()
      return () => {
        queue.delete(waiting)
        uncount()
        clearTimeout(timer)
        if (queue.size === 0) clearInterval(checking)
      }
    })
  }

  return {
    take: async (download) => {
      // The answer of a client that has left emits no more `close`, so its slot would never be free.
      download.signal.throwIfAborted()
      if (slots.size < max && queue.size === 0) occupy(download)
      else await wait(download)
    },
  }
}

function busy(): AppError {
  return new AppError('BUSY', 'Too many downloads at once', { retryAfter: RETRY_AFTER_S })
}
