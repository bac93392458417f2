import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Upload } from '../ports/records.ts'
import type { Spool } from '../ports/spool.ts'
import { expiryOf, hasBytes } from './lifetime.ts'
import type { UploadRemoval } from './upload-removal.ts'

export interface OverdueOptions {
  ledger: Pick<Ledger, 'chunklessUploads' | 'findChunk' | 'findUpload' | 'stream'>
  spool: Pick<Spool, 'partialBytes'>
  removal: Pick<UploadRemoval, 'remove'>
  locks: KeyedLock
  sessionTtlMs: number
  now: () => number
  log: Log
}

/**
 * Forgets the uploads that are past their time and have brought no byte, without waiting for the
 * next sweep. For callers that need the room; calls at the same time share one look. Until its
 * time is over, an upload keeps its room.
 */
export function createOverdue(options: OverdueOptions): () => Promise<void> {
  const { ledger, removal, locks, sessionTtlMs, now, log } = options
  let running: Promise<void> | null = null

  const isPast = (upload: Upload): boolean => expiryOf(upload, false, sessionTtlMs) <= now()

  async function isOverdue(id: string): Promise<boolean> {
    const upload = await ledger.findUpload(id)
    return upload?.state === 'receiving' && isPast(upload) && !(await hasBytes(options, id))
  }

  async function forget(): Promise<void> {
    for (const { id } of (await ledger.chunklessUploads()).filter(isPast)) {
      // Waits for no lock: its holder may wait for this.
      if (locks.isHeld(id)) continue
      await locks.run(id, async () => {
        if (!(await isOverdue(id))) return
        await removal.remove(id, 'expired')
        log.info({ uploadId: id }, 'an upload that never brought a byte was forgotten')
      })
    }
  }

  return () => {
    running ??= forget().finally(() => {
      running = null
    })
    return running
  }
}
