import { AppError } from '../../errors.ts'
import { createKeyCounts } from '../../lib/concurrency/key-counts.ts'
import {
  givesWay,
  type HeldChunk,
  heldBytesOf,
  heldInstead,
  reachOf,
  SETTLES_MS,
} from '../model/volumes/window.ts'
import type { Upload } from '../ports/records.ts'
import type { WorkGate } from '../runtime/work-gate.ts'
import type { UploadWindow, VolumeWindows } from './volume-windows.ts'

/**
 * Milliseconds for which an answer waits. Firefox and Node's fetch wait 300 seconds for one, and the
 * bytes of the chunk took their time before.
 */
const HOLD_MS = 240_000
/** Seconds until a chunk is sent again that could not be held, or was held for too long. */
const RETRY_AFTER = 2
/** The same for one that gave way to the chunk that all others wait for. */
const RETRY_AFTER_GIVING_WAY = 1

export interface HoldLimits {
  /** Held requests of one user, and in all: each has a connection. */
  perOwner: number
  inAll: number
  holdMs: number
}

const LIMITS: HoldLimits = { perOwner: 64, inAll: 512, holdMs: HOLD_MS }

export interface HeldChunksOptions {
  windows: Pick<VolumeWindows, 'of'>
  /** Whether all these bytes of an upload are here. */
  has: (uploadId: string, offset: number, length: number) => boolean | Promise<boolean>
  workGate: Pick<WorkGate, 'ending'>
  limits?: HoldLimits
}

/** An upload that goes as volumes. */
export type VolumeUpload = Pick<Upload, 'id' | 'owner' | 'size'> & { volumeBytes: number }

/** A chunk whose bytes are on the disk under a temporary name, or on their way there. */
export interface WaitingChunk {
  /** Where in the file it ends. */
  end: number
  bytes: number
  /** Bytes of each chunk of its upload but the last. */
  chunkBytes: number
}

/** The request that has brought a chunk. */
export interface WaitingRequest {
  /** What the connections of one sender have in common. */
  sender: string
  /** Aborts when the sender leaves. */
  signal: AbortSignal
  /** Called before the request begins to wait: its bytes count for its upload from now on. */
  onHeld: () => void
}

/** Requests whose chunks are further ahead than their upload's window. */
export interface HeldChunks {
  /**
   * Resolves when the chunk is within reach, or its upload has ended. Rejects with WINDOW_FULL where
   * it cannot be held, gives way to another one or has waited for too long; with the reason of the
   * sender's signal; with SHUTTING_DOWN.
   */
  hold: (upload: VolumeUpload, chunk: WaitingChunk, request: WaitingRequest) => Promise<void>
  /**
   * Before the bytes of a chunk are taken: keeps a place for it, if it is beyond reach, until the returned
   * function is called. Rejects with WINDOW_FULL where there is none.
   */
  expect: (upload: VolumeUpload, chunk: WaitingChunk) => Promise<() => void>
  /** A request of this sender brings bytes, until the returned function is called. */
  arriving: (sender: string) => () => void
  /** Whether a request of this upload is held. */
  isHeld: (uploadId: string) => boolean
  /** All of them. */
  readonly stats: { requests: number; bytes: number }
}

interface Held extends HeldChunk {
  readonly sender: string
  /** Ends the wait. */
  readonly refuse: (reason: AppError) => void
}

/** The held requests of one upload. */
interface Group {
  readonly upload: VolumeUpload
  readonly window: UploadWindow
  readonly held: Set<Held>
  /** Chunks that are on their way and have a place. */
  readonly expected: Set<WaitingChunk>
  /** By the end of a chunk, how often its requests gave way. */
  readonly gaveWay: Map<number, number>
  /** By `performance.now()`: when one gave way last, at first when the first was held. */
  since: number
  /** Whether a request has come since then. */
  cameSince: boolean
}

export function createHeldChunks(options: HeldChunksOptions): HeldChunks {
  const { windows, has, workGate, limits = LIMITS } = options
  const groups = new Map<string, Group>()
  const arrivals = createKeyCounts()
  const owners = createKeyCounts()
  let bytes = 0
  let stopLooking: (() => void) | null = null

  function groupOf(upload: VolumeUpload, window: UploadWindow): Group {
    const known = groups.get(upload.id)
    if (known) return known
    const fresh = { since: performance.now(), cameSince: true }
    const chunks = { held: new Set<Held>(), expected: new Set<WaitingChunk>() }
    const group = { upload, window, ...chunks, gaveWay: new Map(), ...fresh }
    groups.set(upload.id, group)
    return group
  }

  function forgetEmpty({ upload, held, expected }: Group): void {
    if (held.size === 0 && expected.size === 0) groups.delete(upload.id)
    if (groups.size > 0) return
    stopLooking?.()
    stopLooking = null
  }

  /** Rejects with WINDOW_FULL where the chunk has no place; those further ahead lose theirs first. */
  function makePlace(group: Group, chunk: WaitingChunk): void {
    const { upload, window, held, expected } = group
    const { chunkBytes } = chunk
    const most = heldBytesOf({ ...upload, chunkBytes, posted: window.posted })
    const coming = [...expected].reduce((sum, { bytes }) => sum + bytes, 0)
    const refused = heldInstead([...held], chunk, most - coming)
    const { perOwner, inAll } = limits
    const isFull = owners.of(upload.owner) >= perOwner || owners.total >= inAll
    if (refused === null || (isFull && refused.length === 0)) {
      forgetEmpty(group)
      throw windowFull(RETRY_AFTER)
    }
    for (const one of refused) one.refuse(windowFull(RETRY_AFTER))
  }

  /** The returned function takes it out again, once. */
  function enter(group: Group, held: Held): () => void {
    const { upload } = group
    const forgetOwner = owners.add(upload.owner)
    group.held.add(held)
    bytes += held.bytes
    stopLooking ??= startLooking()
    return () => {
      if (!group.held.delete(held)) return
      forgetOwner()
      bytes -= held.bytes
      forgetEmpty(group)
    }
  }

  function startLooking(): () => void {
    const lookAll = (): void => {
      for (const group of groups.values()) void look(group)
    }
    const timer = setInterval(lookAll, SETTLES_MS).unref()
    return () => clearInterval(timer)
  }

  /** Lets one of them give way where the chunk that all of them wait for cannot come otherwise. */
  async function look(group: Group): Promise<void> {
    const { upload, window, held, gaveWay } = group
    const { posted } = window
    if (window.isOver) return
    const lowestBytes = Math.min(upload.volumeBytes, upload.size - posted)
    // What cannot be read now is looked at again in a moment.
    const asked = Promise.resolve(has(upload.id, posted, lowestBytes)).catch(() => true)
    const lowestIsWhole = await asked
    if (window.isOver || window.posted !== posted) return
    const least = givesWay({
      held: [...held],
      lowestIsWhole,
      receiving: [...held].some(({ sender }) => arrivals.of(sender) > 0),
      cameSince: group.cameSince,
      sinceMs: performance.now() - group.since,
    })
    if (least === null) return
    gaveWay.set(least.end, least.gaveWay + 1)
    group.since = performance.now()
    group.cameSince = false
    least.refuse(windowFull(RETRY_AFTER_GIVING_WAY))
  }

  return {
    hold: async (upload, chunk, { sender, signal, onHeld }) => {
      const window = await windows.of(upload.id)
      const isWithin = (): boolean => isWithinReach(upload, window, chunk)
      if (isWithin()) return
      onHeld()
      const group = groupOf(upload, window)
      makePlace(group, chunk)
      const refusing = new AbortController()
      const { end, bytes } = chunk
      const gaveWay = group.gaveWay.get(end) ?? 0
      const refuse = (reason: AppError): void => {
        // At once: the next one may be judged before this request hears of it.
        leave()
        refusing.abort(reason)
      }
      const leave = enter(group, { end, bytes, gaveWay, sender, refuse })
      try {
        const ending = AbortSignal.any([signal, refusing.signal, workGate.ending])
        const waits = { signal: ending, timeoutMs: limits.holdMs }
        if (!(await window.until(isWithin, waits))) throw windowFull(RETRY_AFTER)
      } finally {
        leave()
      }
    },
    expect: async (upload, chunk) => {
      const window = await windows.of(upload.id)
      if (isWithinReach(upload, window, chunk)) return () => {}
      const group = groupOf(upload, window)
      makePlace(group, chunk)
      group.expected.add(chunk)
      return () => {
        if (group.expected.delete(chunk)) forgetEmpty(group)
      }
    },
    arriving: (sender) => {
      for (const group of groups.values()) {
        group.cameSince ||= [...group.held].some((held) => held.sender === sender)
      }
      return arrivals.add(sender)
    },
    isHeld: (uploadId) => (groups.get(uploadId)?.held.size ?? 0) > 0,
    get stats() {
      return { requests: owners.total, bytes }
    },
  }
}

function isWithinReach(
  upload: VolumeUpload,
  { isOver, posted }: UploadWindow,
  { end, chunkBytes }: WaitingChunk,
): boolean {
  return isOver || end <= reachOf({ ...upload, chunkBytes, posted })
}

function windowFull(retryAfter: number): AppError {
  const sentence =
    'Telegram has to take what is here of this file first; send this chunk again in a moment'
  return new AppError('WINDOW_FULL', sentence, { retryAfter })
}
