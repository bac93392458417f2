import { AppError } from '../../../errors.ts'
import { documentIdIn } from '../../model/file-id.ts'
import { volumeCaption } from '../../model/volumes/captions.ts'
import type { Manifest } from '../../model/volumes/manifest.ts'
import type { Catalogue, FileRow, LibraryKey, VolumePost } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { Ledger } from '../../ports/ledger.ts'
import type { ItemVolume, LibraryItem, LibraryJobRecords } from '../../ports/library-jobs.ts'
import type { PostedFile } from '../../ports/records.ts'
import type { OutgoingThumbnail, TelegramGateway } from '../../ports/telegram.ts'
import { postManifest } from './post-manifest.ts'

/**
 * The manifest that a message has, whose volumes are all there; null: the message is a file of its own.
 * Rejects with FILE_INCOMPLETE, MESSAGE_NOT_FOUND and Telegram's failures.
 */
export type ReadManifest = (
  call: ChannelCall,
  message: { messageId: number; fileId: string | null },
) => Promise<Manifest | null>

export interface LargeFilesOptions {
  channel: Pick<ChannelGateway, 'remove' | 'post' | 'reader'>
  catalogue: Pick<Catalogue, 'libraryManifests' | 'libraryVolumes'>
  ledger: Pick<Ledger, 'receiptOf' | 'keepReceipt'>
  records: Pick<
    LibraryJobRecords,
    | 'itemVolumes'
    | 'saveItemVolumeNote'
    | 'saveItemVolumeCopy'
    | 'itemTransfer'
    | 'saveItemTransfer'
  >
  gateway: Pick<TelegramGateway, 'finish' | 'locate' | 'readThumbnail' | 'reuse'>
  readManifest: ReadManifest
  now: () => number
}

/** An item of a job that is the manifest of a file of volumes. */
export interface LargeItem {
  jobId: string
  key: LibraryKey
  item: LibraryItem
}

export interface Copied {
  file: FileRow
  volumes: VolumePost[]
}

/**
 * Deletes and copies files of volumes. What is to be done is kept before the first step, so that after
 * the death of the process the rest is done.
 */
export interface LargeFiles {
  /**
   * The messages that go with a file, its manifest first; the volumes stay with another manifest of the
   * same file. Null: no job has begun to delete it, and nothing says that it is a file of volumes.
   */
  messagesOf: (
    large: LargeItem,
    call: ChannelCall,
    file: { captionId: string | null; fileId: string | null } | null,
  ) => Promise<number[] | null>
  /** Deletes the manifest first, then the volumes. Resolves with those that no account may delete. */
  remove: (call: ChannelCall, messageIds: readonly number[]) => Promise<{ refusedIds: number[] }>
  /** Posts each volume again, and a manifest for the copies. What was posted of a copy that fails is deleted. */
  copy: (
    large: LargeItem,
    call: ChannelCall,
    source: { file: FileRow; manifest: Manifest; folderId: string | null },
  ) => Promise<Copied>
}

export function createLargeFiles(options: LargeFilesOptions): LargeFiles {
  const { channel, catalogue, records, gateway, now } = options

  /** What the library knows of a file's volumes, and where it does not know all of them, the manifest. */
  async function volumesOf(
    { key, item: { messageId } }: LargeItem,
    call: ChannelCall,
    { captionId, fileId }: { captionId: string; fileId: string | null },
  ): Promise<number[]> {
    const others = await catalogue.libraryManifests(key, captionId)
    if (others.some((id) => id !== messageId)) return []
    const known = await catalogue.libraryVolumes(key, captionId)
    const ids = new Set(known.map((volume) => volume.messageId))
    const numbers = new Set(known.map(({ number }) => number))
    if (known.length === 0 || numbers.size < (known[0]?.of ?? 0)) {
      const manifest = await options.readManifest(call, { messageId, fileId }).catch(orIncomplete)
      for (const volume of manifest?.volumes ?? []) ids.add(volume.messageId)
    }
    return [...ids]
  }

  async function copyVolume(
    { jobId, item: { position } }: LargeItem,
    call: ChannelCall,
    { kept, text }: { kept: ItemVolume; text: string },
  ): Promise<number> {
    if (kept.copyId !== null) return kept.copyId
    const at = { position, number: kept.number }
    let { note } = kept
    const { messageId } = await channel.post(call, {
      text,
      copyOf: kept.messageId,
      journal: {
        load: async () => note,
        save: async (next) => {
          note = next
          await records.saveItemVolumeNote(jobId, at, next)
        },
      },
    })
    await records.saveItemVolumeCopy(jobId, at, messageId)
    return messageId
  }

  async function copyVolumes(
    large: LargeItem,
    call: ChannelCall,
    { kept, copy, folderId }: { kept: ItemVolume[]; copy: Manifest; folderId: string | null },
  ): Promise<number[]> {
    const of = copy.volumes.length
    const copyIds: number[] = []
    try {
      for (const [index, { crc32 }] of copy.volumes.entries()) {
        call.signal.throwIfAborted()
        const number = index + 1
        const volume = kept.find((one) => one.number === number)
        if (!volume) throw new Error('a volume of a copy is not kept')
        const wholeSha256 = number === of ? copy.sha256 : null
        const described = { number, of, crc32, wholeSha256 }
        const text = volumeCaption({ ...copy, folderId }, described)
        copyIds.push(await copyVolume(large, call, { kept: volume, text }))
      }
      return copyIds
    } catch (error) {
      // One of them is gone: there will be no manifest.
      const isOver = error instanceof AppError && error.code === 'MESSAGE_NOT_FOUND'
      if (isOver && copyIds.length > 0) await channel.remove(call, copyIds, null)
      throw error
    }
  }

  /** The picture of the source, read when the copy's manifest is posted; without it the copy has none. */
  function pictureOf({ messageId, ...file }: FileRow, call: ChannelCall): OutgoingThumbnail {
    const { credentials, signal } = call
    // A bot that cannot see messages finds the picture by its own id.
    const isBlind = channel.reader(credentials) === null
    const thumbnailId = isBlind ? (file.thumbnailId ?? null) : undefined

    async function read(): Promise<Uint8Array | null> {
      if (!file.hasThumbnail || thumbnailId === null) return null
      const picture = await gateway.locate(credentials, messageId, signal, thumbnailId)
      const bytes = await gateway.readThumbnail(picture, signal)
      if (bytes === null) return null
      // A copy, because an answer may lie in memory that is used again.
      const jpeg = Uint8Array.from(bytes)
      gateway.reuse?.(bytes)
      return jpeg
    }

    return { load: () => read().catch(() => null), refused: () => {} }
  }

  return {
    messagesOf: async (large, call, file) => {
      const { jobId, item } = large
      const { position, messageId } = item
      const begun = await records.itemVolumes(jobId, position)
      if (begun.length > 0) return begun.map((one) => one.messageId)
      if (file === null || file.captionId === null) return null
      const { captionId, fileId } = file
      const volumes = await volumesOf(large, call, { captionId, fileId })
      const messageIds = [messageId, ...volumes.filter((id) => id !== messageId)]
      await records.itemVolumes(jobId, position, { captionId, messageIds })
      return messageIds
    },
    remove: async (call, [manifestId = 0, ...volumeIds]) => {
      const first = await channel.remove(call, [manifestId], null)
      // A file that stays needs its volumes.
      if (first.refusedIds.length > 0) return { refusedIds: [manifestId, ...volumeIds] }
      return volumeIds.length > 0 ? channel.remove(call, volumeIds, null) : first
    },
    copy: async (large, call, { file, manifest, folderId }) => {
      const { jobId, item } = large
      const { position, messageId, captionId } = item
      if (captionId === null) throw new Error('a copy has no id')
      const sources = [messageId, ...manifest.volumes.map((volume) => volume.messageId)]
      const kept = await records.itemVolumes(jobId, position, { captionId, messageIds: sources })
      const named = { ...manifest, id: captionId, name: file.name, modifiedAt: file.modifiedAt }
      const copyIds = await copyVolumes(large, call, { kept, copy: named, folderId })
      const volumes = manifest.volumes.map((volume, index) => ({
        ...volume,
        messageId: copyIds[index] ?? 0,
      }))
      const copy: Manifest = { ...named, volumes }
      const posted = await postManifest(gateway, call, {
        ...{ manifest: copy, folderId, thumbnail: pictureOf(file, call) },
        kept: {
          load: () => records.itemTransfer(jobId, position),
          save: (state) => records.saveItemTransfer(jobId, position, state),
        },
      })
      await keepReceipt(options.ledger, { copy, posted, documentId: file.documentId ?? null })
      const made = { ...posted, folderId, now: now() }
      return { file: fileOfManifest(copy, made), volumes: postsOf(copy, now()) }
    },
  }
}

/** The row of the file that a new manifest makes. */
export function fileOfManifest(
  { id, name, size, modifiedAt, sha256, crc32, mimeType }: Manifest,
  posted: PostedFile & { folderId: string | null; now: number },
): FileRow {
  const { messageId, fileId, folderId, now, hasThumbnail = false, thumbnailId = null } = posted
  return {
    ...{ messageId, name, folderId, size, modifiedAt, sha256, crc32, captionId: id, fileId },
    mimeType,
    isManifest: true,
    postedAt: now,
    editedAt: null,
    ...{ hasThumbnail, thumbnailId },
    documentId: documentIdIn(fileId),
    knowsPlace: true,
  }
}

/** The volumes of a manifest, as the library knows them. */
export function postsOf({ id, name, volumes }: Manifest, now: number): VolumePost[] {
  const said = { captionId: id, name, of: volumes.length, postedAt: now, editedAt: null }
  return volumes.map(({ messageId, size }, index) => ({
    ...{ messageId, size, number: index + 1 },
    ...said,
  }))
}

/** What was measured of the source is true of the copy, whose manifest is a document of its own. */
async function keepReceipt(
  ledger: LargeFilesOptions['ledger'],
  made: { copy: Manifest; posted: PostedFile; documentId: string | null },
): Promise<void> {
  const { size, sha256, crc32 } = made.copy
  const copyId = documentIdIn(made.posted.fileId)
  if (made.documentId === null || copyId === null) return
  const receipt = await ledger.receiptOf(made.documentId, size)
  if (receipt?.sha256 === sha256) await ledger.keepReceipt(copyId, size, { sha256, crc32 })
}

/** A file that lacks a volume can be deleted all the same. */
function orIncomplete(error: unknown): null {
  const code = error instanceof AppError ? error.code : null
  if (code === 'FILE_INCOMPLETE' || code === 'MESSAGE_NOT_FOUND') return null
  throw error
}
