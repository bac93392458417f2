import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import type { UploadRemoval } from './upload-removal.ts'

/**
 * How long an upload is kept that has brought no byte, in milliseconds. Its space is only
 * reserved: a sender that is there has sent something by then, and its first chunk opens it anew.
 */
const BYTELESS_TTL_MS = 600_000

/**
 * An upload that lives on because a byte comes now and then ends after so many `SESSION_TTL`s all
 * the same: else a trickle of bytes would keep its space for ever.
 */
const MOST_LIVES = 7
/** But never before this, in milliseconds: a slow line may need long for a large file. */
const LEAST_CAP_MS = 7 * 86_400_000

/** When an upload that still receives is given up, by the worker's time. */
export function expiryOf(
  { size, createdAt, touchedAt }: Pick<Upload, 'size' | 'createdAt' | 'touchedAt'>,
  hasBytes: boolean,
  sessionTtlMs: number,
): number {
  // An empty part of a tus upload has brought all that it will.
  const waits = hasBytes || size === 0
  const ttlMs = waits ? sessionTtlMs : Math.min(sessionTtlMs, BYTELESS_TTL_MS)
  const capMs = Math.max(MOST_LIVES * sessionTtlMs, LEAST_CAP_MS)
  return Math.min(touchedAt + ttlMs, createdAt + capMs)
}

export interface ByteRecords {
  ledger: Pick<Ledger, 'findChunk'>
  spool: Pick<Spool, 'partialBytes'>
}

/** Whether an upload that receives has brought a byte. Of a stream's first chunk only the disk knows. */
export async function hasBytes({ ledger, spool }: ByteRecords, uploadId: string): Promise<boolean> {
  const found = await ledger.findChunk(uploadId, 0)
  if (found === null) return false
  if (found.count > 0) return true
  if (!found.isStream) return false
  return (await spool.partialBytes({ upload: found.upload, index: 0 })) > 0
}

export interface BytelessExpiryOptions {
  ledger: Pick<Ledger, 'chunklessUploads' | 'findChunk'>
  spool: Pick<Spool, 'partialBytes'>
  removal: Pick<UploadRemoval, 'expire'>
  locks: KeyedLock
  sessionTtlMs: number
  now: () => number
  log: Log
}

/**
 * Makes a function that removes the expired uploads that have brought no byte, without waiting for
 * the next sweep. Called when a new upload needs their space; calls at the same time share one run.
 */
export function createBytelessExpiry(options: BytelessExpiryOptions): () => Promise<void> {
  const { ledger, removal, locks, sessionTtlMs, now, log } = options
  let running: Promise<void> | null = null

  const isExpired = (upload: Upload): boolean => expiryOf(upload, false, sessionTtlMs) <= now()

  async function expire(): Promise<void> {
    for (const { id, touchedAt } of (await ledger.chunklessUploads()).filter(isExpired)) {
      // Takes no lock that is held: its holder may wait for this run.
      if (locks.isHeld(id)) continue
      await locks.run(id, async () => {
        if (await hasBytes(options, id)) return
        if (!(await removal.expire(id, touchedAt))) return
        log.info({ uploadId: id }, 'an upload that never brought a byte was forgotten')
      })
    }
  }

  return () => {
    running ??= expire().finally(() => {
      running = null
    })
    return running
  }
}
