import { randomUUID } from 'node:crypto'
import type { FileRow, VolumePost } from '../../../core/ports/catalogue.ts'
import type { Ending, KeptCancellations, Ledger } from '../../../core/ports/ledger.ts'
import type { NewLibraryJob } from '../../../core/ports/library-jobs.ts'
import type { PostedVolume } from '../../../core/ports/volumes.ts'
import type { LedgerDatabase, Row } from '../database.ts'
import type { LibraryWriting } from '../library/writing.ts'
import type { Synchronous } from '../synchronous.ts'
import type { ReceiptRecords } from './receipts.ts'
import { integer, text } from './rows.ts'
import type { ThumbnailRecords } from './thumbnails.ts'
import type { UploadRecords } from './uploads.ts'
import type { VolumeRows } from './volumes.ts'

export type EndingRecords = Pick<
  Synchronous<Ledger>,
  'completeUpload' | 'failUpload' | 'cancelUpload'
>

/** How uploads end: once. Ending one that has ended changes nothing. */
export function createEndingRecords(
  database: LedgerDatabase,
  { findUpload }: Pick<UploadRecords, 'findUpload'>,
  records: Pick<
    LibraryWriting & ReceiptRecords & ThumbnailRecords & VolumeRows,
    'applyInside' | 'addReceipt' | 'forgetThumbnail' | 'cleanupOf' | 'volumes' | 'forgetVolumes'
  > & {
    insertLibraryJob: (job: NewLibraryJob) => void
  },
): EndingRecords {
  const complete = database.prepare(
    `UPDATE uploads SET state = 'completed', message_id = ?, file_id = ?, sha256 = ?, crc32 = ?,
       finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ? AND state IN ('receiving', 'sealed')`,
  )
  const fail = database.prepare(
    `UPDATE uploads SET state = 'failed', reason = ?, last_percent = coalesce(?, last_percent),
       retry_at = ?, finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ? AND state IN ('receiving', 'sealed')`,
  )
  const cancel = database.prepare(
    `UPDATE uploads SET state = 'failed', cancelled = 1, reason = ?, last_percent = ?,
       finished_at = ?, touched_at = ?, token = NULL
     WHERE id = ? AND cancelled = 0 AND state IN ('receiving', 'sealed', 'failed')`,
  )
  const addWebhook = database.prepare(
    `INSERT INTO outbox (id, upload_id, payload, attempts, due_at, created_at)
     VALUES (?, ?, ?, 0, ?, ?)`,
  )
  const forgetTransfer = database.prepare('DELETE FROM transfers WHERE upload_id = ?')
  const forgetParts = database.prepare('DELETE FROM acknowledged_parts WHERE upload_id = ?')
  const forgetChunks = database.prepare('DELETE FROM chunks WHERE upload_id = ?')
  const forgetWords = database.prepare('UPDATE streams SET metadata = NULL WHERE upload_id = ?')
  const forgetCancelled = createForgetting(database)

  /**
   * Inside the caller's transaction: `change` says how many rows it has changed, and `erase` runs if it
   * was one.
   */
  function end(id: string, change: () => number, erase: () => void): Ending {
    const ended = change() > 0
    const upload = findUpload(id)
    if (upload === null) return { kind: 'gone' }
    if (!ended) return { kind: 'closed', upload }
    forgetTransfer.run(id)
    forgetParts.run(id)
    records.forgetThumbnail(id)
    records.forgetVolumes(id)
    erase()
    return { kind: 'ended', upload }
  }

  /** What it has left in its channel is to be deleted. */
  function giveUp(id: string, change: () => number, erase: () => void): Ending {
    return database.transaction(() => {
      // The token goes with the change.
      const keepCleanup = records.cleanupOf(id)
      return end(id, change, () => {
        keepCleanup()
        erase()
      })
    })
  }

  return {
    completeUpload: (id, { result, webhook, library: posted, now }) =>
      database.transaction(() => {
        // They go with the end.
        const posts = posted ? volumePostsOf(posted.file, records.volumes(id)) : []
        return end(
          id,
          () => {
            const { messageId, fileId, digests } = result
            const { sha256 = null, crc32 = null } = digests ?? {}
            return complete.run(messageId, fileId, sha256, crc32, now, now, id)
          },
          () => {
            records.addReceipt(id, result)
            if (webhook) addWebhook.run(randomUUID(), id, JSON.stringify(webhook), now, now)
            if (posted) records.applyInside(posted.key, { files: [posted.file], volumes: posts })
            if (posted?.deletion) records.insertLibraryJob(posted.deletion)
          },
        )
      }),
    failUpload: (id, { reason, percent, retryAt, now }) =>
      giveUp(
        id,
        () => fail.run(reason, percent, retryAt, now, now, id),
        () => void forgetChunks.run(id),
      ),
    cancelUpload: (id, { reason, percent, now }, keep) =>
      giveUp(
        id,
        () => cancel.run(reason, percent, now, now, id),
        () => {
          forgetChunks.run(id)
          forgetWords.run(id)
          forgetCancelled(id, keep)
        },
      ),
  }
}

/** Forgets what is cancelled beyond the bounds; called inside a transaction that has added one. */
function createForgetting(database: LedgerDatabase) {
  const ownerOf = database.prepare('SELECT owner FROM uploads WHERE id = ?')
  const countOf = database.prepare(
    'SELECT count(*) AS n FROM uploads WHERE cancelled = 1 AND owner = ?',
  )
  const countAll = database.prepare('SELECT count(*) AS n FROM uploads WHERE cancelled = 1')
  const largest = database.prepare(
    `SELECT owner FROM uploads WHERE cancelled = 1
     GROUP BY owner ORDER BY count(*) DESC, min(finished_at) LIMIT 1`,
  )
  const removeOldest = database.prepare(
    `DELETE FROM uploads WHERE rowid IN (
       SELECT rowid FROM uploads WHERE cancelled = 1 AND owner = ?
       ORDER BY finished_at, rowid LIMIT ?)`,
  )

  return (id: string, { perOwner, inAll }: KeptCancellations): void => {
    const row = ownerOf.get(id)
    if (!row) return
    const owner = text(row, 'owner')
    const excess = countIn(countOf.get(owner)) - perOwner
    if (excess > 0) removeOldest.run(owner, excess)
    if (countIn(countAll.get()) <= inAll) return
    const most = largest.get()
    if (most) removeOldest.run(text(most, 'owner'), 1)
  }
}

function countIn(row: Row | undefined): number {
  return row ? integer(row, 'n') : 0
}

/** The volumes of a file as its library knows them. */
export function volumePostsOf(
  { captionId, name, postedAt }: FileRow,
  volumes: readonly PostedVolume[],
): VolumePost[] {
  if (captionId === null) return []
  const said = { captionId, of: volumes.length, name, postedAt, editedAt: null }
  return volumes.map(({ messageId, number, size }) => ({ messageId, number, size, ...said }))
}
