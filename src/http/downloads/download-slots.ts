import type { ServerResponse } from 'node:http'
import type { Log } from '../../core/ports/log.ts'
import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import { type StalledReaderWatch, watchStalledReader } from '../connections/stalled-reader.ts'
import { nextWaiter, readerToEvict, type ShareLimits } from './fair-order.ts'

export interface DownloadSlotsOptions {
  max: number
  /** A reader that takes nothing for so long stands still. */
  idleMs?: number
  /** How long a download runs before its speed counts. */
  judgedAfterMs?: number
  /** One that stands still for so long is cut, even where no other waits. */
  cutMs?: number
  /** How long a download waits for a place. */
  waitMs?: number
  maxWaiting?: number
  maxWaitingPerUser?: number
  shares?: ShareLimits
}

/**
 * Places for downloads, shared by users while there are more downloads than places. A paused video
 * is a legitimate reader that takes nothing, so it keeps its place for a quarter of an hour; when
 * all places are taken and another download waits, `download-shares.ts` says which one makes room.
 * Players that were cut ask for the rest by a range when they go on.
 */
export interface DownloadSlots {
  /**
   * Resolves with a place, which comes back when the answer is over. Rejects with BUSY where none
   * can be had in time, and with the signal's reason.
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
const SHARES: ShareLimits = { pausedMs: 30_000, patienceMs: 5_000 }
const LOOK_EVERY_MS = 500
const RETRY_AFTER_S = 5

interface Place {
  readonly user: string
  readonly watch: StalledReaderWatch
  /** Ends the download, and gives the place back. */
  readonly cut: () => void
}

interface Waiting {
  readonly user: string
  readonly since: number
  /** Takes a place, and leaves the queue. */
  readonly enter: () => void
}

export function createDownloadSlots(options: DownloadSlotsOptions): DownloadSlots {
  const { max, idleMs = IDLE_MS, judgedAfterMs, cutMs = CUT_MS, waitMs = WAIT_MS } = options
  const { maxWaiting = MAX_WAITING, maxWaitingPerUser = MAX_WAITING_PER_USER } = options
  const { shares = SHARES } = options
  const places = new Set<Place>()
  const queue = new Set<Waiting>()
  const placesOf = createKeyCounts()
  const waitingOf = createKeyCounts()
  let looking: NodeJS.Timeout | undefined

  function enter({ reply, user }: WantedDownload): void {
    const giveBack = placesOf.add(user)
    const leave = (): void => {
      places.delete(place)
      giveBack()
    }
    const onClose = (): void => {
      leave()
      admit()
    }
    const cut = (): void => {
      const fields = { standingMs: watch.standingMs(), bytesPerSecond: watch.bytesPerSecond() }
      reply.log.info(fields, 'a download was cut: it stood still, or another user had no place')
      reply.raw.off('close', onClose).destroy()
      leave()
    }
    const onStanding = (): void => {
      if (watch.standingMs() < cutMs) return
      cut()
      admit()
    }
    const watch = watchStalledReader(reply.raw, { idleMs, judgedAfterMs, onStanding })
    const place: Place = { user, watch, cut }
    places.add(place)
    reply.raw.once('close', onClose)
  }

  /** Fills the places, and takes some back where those who wait have a right to them. */
  function admit(): void {
    for (let next = nextWaiter(queue, placesOf.of); next; next = nextWaiter(queue, placesOf.of)) {
      if (places.size >= max) {
        const waiter = { user: next.user, waitedMs: performance.now() - next.since }
        const leaving = readerToEvict(readers(), waiter, { ...shares, placesOf: placesOf.of })
        if (leaving === null) return
        leaving.cut()
      }
      next.enter()
    }
  }

  function readers() {
    return [...places].map(({ user, watch, cut }) => {
      return { user, cut, standingMs: watch.standingMs(), bytesPerSecond: watch.bytesPerSecond() }
    })
  }

  function wait(download: WantedDownload): Promise<void> {
    const { user, signal } = download
    signal.throwIfAborted()
    if (queue.size >= maxWaiting || waitingOf.of(user) >= maxWaitingPerUser) throw busy()
    return new Promise((resolve, reject) => {
      const leaveCount = waitingOf.add(user)
      const leave = (): void => {
        queue.delete(waiting)
        leaveCount()
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        if (queue.size === 0) clearInterval(looking)
      }
      const onAbort = (): void => {
        leave()
        reject(signal.reason)
      }
      const timer = setTimeout(() => {
        leave()
        reject(busy())
      }, waitMs)
      const waiting: Waiting = {
        user,
        since: performance.now(),
        enter: () => {
          leave()
          enter(download)
          resolve()
        },
      }
      signal.addEventListener('abort', onAbort, { once: true })
      if (queue.size === 0) looking = setInterval(admit, LOOK_EVERY_MS)
      queue.add(waiting)
      admit()
    })
  }

  return {
    take: async (download) => {
      if (places.size < max && queue.size === 0) enter(download)
      else await wait(download)
    },
  }
}

function busy(): AppError {
  return new AppError('BUSY', 'Too many downloads at once', { retryAfter: RETRY_AFTER_S })
}
