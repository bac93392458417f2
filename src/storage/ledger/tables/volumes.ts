import type { TransferState } from '../../../core/ports/records.ts'
import type { PostedVolume, VolumeCleanup, VolumeRecords } from '../../../core/ports/volumes.ts'
import type { LedgerDatabase } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import {
  blob,
  type Fields,
  integer,
  integerOrNull,
  text,
  textOrNull,
  tokenPurpose,
  toTransfer,
} from './rows.ts'

export interface VolumeRows extends Synchronous<VolumeRecords> {
  /**
   * Looks at what an unfinished upload may have left in its channel. Returns what writes that down, for
   * the same transaction, once the upload has ended.
   */
  cleanupOf: (uploadId: string) => () => void
  /** Forgets the volumes of an upload, inside the caller's transaction. */
  forgetVolumes: (uploadId: string) => void
}

const UNFINISHED = `state IN ('receiving', 'sealed')`

export function createVolumeRecords(database: LedgerDatabase, cipher: LedgerCipher): VolumeRows {
  const list = database.prepare('SELECT * FROM volumes WHERE upload_id = ? ORDER BY number')
  const fixChannel = database.prepare(
    `UPDATE uploads SET volume_channel = coalesce(volume_channel, ?) WHERE id = ? AND ${UNFINISHED}`,
  )
  const findUpload = database.prepare(
    `SELECT owner, caption_id, volume_channel, token FROM uploads WHERE id = ?`,
  )
  const add = database.prepare(
    `INSERT OR REPLACE INTO volumes (upload_id, number, message_id, document_id, file_id, size, crc32,
       hash_state)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const count = database.prepare(
    `UPDATE uploads SET posted_volumes = max(posted_volumes, ?), freed_chunks = max(freed_chunks, ?),
       touched_at = ?
     WHERE id = ? AND ${UNFINISHED}`,
  )
  const shrink = database.prepare(
    `UPDATE uploads SET reserved = min(reserved, size - (SELECT coalesce(sum(chunks.size), 0)
       FROM chunks WHERE upload_id = id AND chunk_index < freed_chunks))
     WHERE id = ?`,
  )
  const forgetTransfer = database.prepare(
    'DELETE FROM transfers WHERE upload_id = ? AND volume = ?',
  )
  const forgetParts = database.prepare(
    'DELETE FROM acknowledged_parts WHERE upload_id = ? AND volume = ?',
  )
  const forgetVolumes = database.prepare('DELETE FROM volumes WHERE upload_id = ?')
  const triedTransfers = database.prepare(
    'SELECT * FROM transfers WHERE upload_id = ? AND post_attempts > 0 ORDER BY volume',
  )
  const addCleanup = database.prepare(
    `INSERT INTO volume_cleanups (upload_id, owner, channel_id, caption_id, message_ids, look_after,
       token)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  )
  const cleanups = database.prepare('SELECT * FROM volume_cleanups ORDER BY id')
  const findCleanup = database.prepare('SELECT * FROM volume_cleanups WHERE id = ?')
  const endCleanup = database.prepare('DELETE FROM volume_cleanups WHERE id = ?')

  const volumes = (uploadId: string): PostedVolume[] => list.all(uploadId).map(toVolume)

  function cleanupOf(uploadId: string): () => void {
    const upload = findUpload.get(uploadId)
    if (!upload || upload.volume_channel === null || upload.token === null) return () => {}
    const left = leftIn(volumes(uploadId), triedTransfers.all(uploadId).map(toTransfer))
    if (left === null) return () => {}
    const owner = text(upload, 'owner')
    const channelId = text(upload, 'volume_channel')
    const captionId = text(upload, 'caption_id')
    const token = blob(upload, 'token')
    const ids = JSON.stringify(left.messageIds)
    const values = [owner, channelId, captionId, ids, left.lookAfter, token] as const
    return () => void addCleanup.run(uploadId, ...values)
  }

  return {
    volumes,
    fixVolumeChannel: (uploadId, channelId) => {
      if (fixChannel.run(channelId, uploadId) === 0) return null
      const row = findUpload.get(uploadId)
      return row ? text(row, 'volume_channel') : null
    },
    postVolume: (uploadId, volume, { freedChunks, now }) =>
      database.transaction(() => {
        const { number, messageId, documentId, fileId, size, crc32, hashState } = volume
        if (count.run(number, freedChunks, now, uploadId) === 0) return false
        add.run(uploadId, number, messageId, documentId, fileId, size, crc32, hashState)
        forgetTransfer.run(uploadId, number)
        forgetParts.run(uploadId, number)
        shrink.run(uploadId)
        return true
      }),
    volumeCleanups: () => cleanups.all().map(toCleanup),
    volumeCleanupToken: (id) => {
      const row = findCleanup.get(id)
      if (!row) return null
      const purpose = tokenPurpose(text(row, 'upload_id'))
      return cipher.decrypt(purpose, blob(row, 'token'))?.toString('utf8') ?? null
    },
    endVolumeCleanup: (id) => void endCleanup.run(id),
    cleanupOf,
    forgetVolumes: (uploadId) => void forgetVolumes.run(uploadId),
  }
}

/** What an upload has left in its channel; null: nothing. `tried`: its transfers that may have posted. */
export function leftIn(
  volumes: readonly PostedVolume[],
  tried: readonly TransferState[],
): Pick<VolumeCleanup, 'messageIds' | 'lookAfter'> | null {
  const messageIds = volumes.map(({ messageId }) => messageId)
  const newest = messageIds.at(-1) ?? null
  let lookAfter: number | null = null
  for (const transfer of tried) {
    // A post by the Bot API that is still to be read back says where it is.
    if (transfer.road === 'bot-api' && transfer.posted) messageIds.push(transfer.posted.messageId)
    else lookAfter ??= transfer.road === 'bot-api' ? newest : transfer.newestMessageId
  }
  return messageIds.length === 0 && lookAfter === null ? null : { messageIds, lookAfter }
}

export function toVolume(row: Fields): PostedVolume {
  return {
    number: integer(row, 'number'),
    messageId: integer(row, 'message_id'),
    documentId: textOrNull(row, 'document_id'),
    fileId: textOrNull(row, 'file_id'),
    size: integer(row, 'size'),
    crc32: text(row, 'crc32'),
    hashState: new Uint8Array(blob(row, 'hash_state')),
  }
}

export function toCleanup(row: Fields): VolumeCleanup {
  return {
    id: integer(row, 'id'),
    uploadId: text(row, 'upload_id'),
    owner: text(row, 'owner'),
    channelId: text(row, 'channel_id'),
    captionId: text(row, 'caption_id'),
    messageIds: toNumbers(text(row, 'message_ids')),
    lookAfter: integerOrNull(row, 'look_after'),
  }
}

function toNumbers(json: string): number[] {
  const value: unknown = JSON.parse(json)
  const isSound = Array.isArray(value) && value.every(Number.isSafeInteger)
  if (!isSound) throw new Error('the ledger holds something unreadable in message_ids')
  return value
}
