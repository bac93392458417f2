import type { FastifyReply } from 'fastify'
import { AppError } from '../errors.ts'

export interface DownloadSlotsOptions {
  max: number
  /** A reader that takes nothing for so long stands still. */
  idleMs?: number
  /** One that stands still for so long is cut, even where nobody waits. */
  cutMs?: number
}

/**
 * Places for downloads. A paused video is a legitimate reader that takes nothing, so it keeps its
 * place for a quarter of an hour; but when all places are taken, the one that has stood still for
 * longest, half a minute at least, makes room for the newcomer. Players that were cut ask for the
 * rest by a range when they go on.
 */
export interface DownloadSlots {
  /** Takes a place until the answer is over. Throws BUSY when none can be had. */
  take: (reply: FastifyReply) => void
}

interface Place {
  reply: FastifyReply
  /** Since when its reader has taken nothing; null while it reads, or while Telegram is waited for. */
  standingSince: number | null
  lastLook: number
}

const IDLE_MS = 30_000
const CUT_MS = 900_000

export function createDownloadSlots(options: DownloadSlotsOptions): DownloadSlots {
  const { max, idleMs = IDLE_MS, cutMs = CUT_MS } = options
  const places = new Set<Place>()

  /** Node calls it when nothing was written and the kernel took nothing for `idleMs`. */
  function onIdle(place: Place): void {
    const { reply } = place
    const now = performance.now()
    const stillIdle = place.standingSince !== null && now - place.lastLook < 1.5 * idleMs
    place.lastLook = now
    if (reply.raw.writableLength === 0) place.standingSince = null
    else if (!stillIdle) place.standingSince = now - idleMs
    if (place.standingSince !== null && now - place.standingSince >= cutMs) cut(place)
    else reply.raw.socket?.setTimeout(idleMs)
  }

  function cut(place: Place): void {
    places.delete(place)
    place.reply.log.info('a reader that stood still was cut')
    place.reply.raw.destroy()
  }

  function longestStanding(): Place | undefined {
    return [...places]
      .filter(({ standingSince }) => standingSince !== null)
      .sort((a, b) => Number(a.standingSince) - Number(b.standingSince))[0]
  }

  return {
    take: (reply) => {
      const leaving = places.size < max ? undefined : longestStanding()
      if (leaving) cut(leaving)
      if (places.size >= max)
        throw new AppError('BUSY', 'Too many downloads at once', { retryAfter: 5 })
      const place: Place = { reply, standingSince: null, lastLook: Number.NEGATIVE_INFINITY }
      places.add(place)
      reply.raw.once('close', () => places.delete(place))
      reply.raw.setTimeout(idleMs, () => onIdle(place))
    },
  }
}
