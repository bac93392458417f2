import type { AppError } from '../../../errors.ts'
import type { KeyedLock } from '../../../lib/concurrency/keyed-lock.ts'
import { encodeCaption } from '../../model/caption.ts'
import { copyCaption, editCaption, editFolderText, type Place } from '../../model/caption-edit.ts'
import {
  describeFile,
  fileOfPost,
  folderOfPost,
  toFileRow,
  volumeOfPost,
} from '../../model/library/posts.ts'
import type {
  Catalogue,
  FileRow,
  FolderPost,
  LibraryFile,
  LibraryKey,
} from '../../ports/catalogue.ts'
import type { Actor, ChannelCall, ChannelGateway, ChannelMessage } from '../../ports/channel.ts'
import { noRoomForName, noSuchFile, noSuchFolder } from './refusals.ts'

export interface PostEditingOptions {
  channel: Pick<ChannelGateway, 'reader' | 'messages' | 'edit'>
  catalogue: Pick<Catalogue, 'applyToLibrary' | 'libraryFile'>
  locks: KeyedLock
  /** Whether captions tell the names and folders of files. */
  namesInCaptions: boolean
}

/** A post of a file as it is now. */
export interface FilePost {
  readonly file: FileRow
  /** Whether the library knew it before. */
  readonly hasRow: boolean
  readonly caption: string
  readonly documentName: string | null
  readonly postedBy: Actor | null
}

/** Changes what posts say of themselves: in Telegram first, then in the rows. */
export interface PostEditing {
  /**
   * Resolves with the post, read anew from the channel where its messages can be seen. Rejects with
   * MESSAGE_NOT_FOUND, and then its row is gone.
   */
  read: (key: LibraryKey, call: ChannelCall, messageId: number) => Promise<FilePost>
  /**
   * Renames or moves a file, and writes its row; `place` is given what the row says now. Nothing else
   * here changes the same message meanwhile. Rejects with MESSAGE_NOT_FOUND and NOT_EDITABLE.
   */
  placeFile: (
    key: LibraryKey,
    call: ChannelCall,
    change: { messageId: number; place: (file: FilePlace) => FilePlace },
  ) => Promise<void>
  /** The caption of a copy of a post. */
  captionOfCopy: (post: FilePost, copy: FilePlace & { captionId: string }) => string
  /** Renames or moves a folder by one of its messages. Rejects with FOLDER_NOT_FOUND and NOT_EDITABLE. */
  placeFolder: (
    key: LibraryKey,
    call: ChannelCall,
    change: { post: FolderPost; place: { name: string; parentId: string | null } },
  ) => Promise<void>
}

export interface FilePlace {
  readonly name: string
  readonly folderId: string | null
}

export function createPostEditing(options: PostEditingOptions): PostEditing {
  const { channel, catalogue, locks, namesInCaptions } = options

  function alone<T>(
    key: LibraryKey,
    { call, messageId }: { call: ChannelCall; messageId: number },
    work: (call: ChannelCall) => Promise<T>,
  ): Promise<T> {
    return locks.run(`message ${key.owner} ${key.channelId} ${messageId}`, (lost) =>
      work({ ...call, signal: AbortSignal.any([call.signal, lost]) }),
    )
  }

  /** The message, or null for an account that sees none. Rejects with `missing`, and then its row is gone. */
  async function readMessage(
    key: LibraryKey,
    call: ChannelCall,
    { messageId, missing }: { messageId: number; missing: () => AppError },
  ): Promise<ChannelMessage | null> {
    if (channel.reader(call.credentials) === null) return null
    const [message] = await channel.messages(call, [messageId])
    if (message) return message
    await catalogue.applyToLibrary(key, { gone: [messageId] })
    throw missing()
  }

  /** Somebody may have made something else of the message; then the rows say so. */
  async function assertIsFolder(
    key: LibraryKey,
    folderId: string,
    message: ChannelMessage,
  ): Promise<void> {
    const found = message.document === null ? folderOfPost(message) : null
    if (found?.folderId === folderId) return
    const { messageId } = message
    await catalogue.applyToLibrary(key, found ? { folders: [found] } : { gone: [messageId] })
    throw noSuchFolder()
  }

  async function read(key: LibraryKey, call: ChannelCall, messageId: number): Promise<FilePost> {
    const message = await readMessage(key, call, { messageId, missing: noSuchFile })
    const row = await catalogue.libraryFile(key, messageId)
    if (message === null) {
      if (row === null) throw noSuchFile()
      const { path: _path, kind: _kind, ...file } = row
      return {
        file: toFileRow(file),
        hasRow: true,
        caption: captionOf(file, namesInCaptions),
        documentName: null,
        postedBy: 'bot',
      }
    }
    const { text: caption, forwarded, document, postedBy } = message
    if (document === null) throw noSuchFile()
    const { postedAt, editedAt } = message
    const { id: documentId, fileName: documentName, size, mimeType } = document
    const post = {
      ...{ messageId, postedAt, editedAt, caption, forwarded, documentId, documentName, size },
      mimeType: mimeType ?? 'application/octet-stream',
      hasThumbnail: document.thumbnail,
    }
    // A piece of a file is neither renamed, moved nor copied alone.
    if (volumeOfPost(post)) throw noSuchFile()
    const file = fileOfPost(post)
    // Only the row knows where a file is whose caption does not say it.
    const place = row !== null && !file.knowsPlace ? placeOf(row) : {}
    return { file: { ...file, ...place }, hasRow: row !== null, caption, documentName, postedBy }
  }

  /** What a caption says of a place: nothing where captions tell no names. Those of manifests do. */
  const said = ({ isManifest = false }: FileRow, place: FilePlace): Place =>
    namesInCaptions || isManifest ? place : { name: null, folderId: null }

  return {
    read,
    placeFile: (key, asked, { messageId, place }) =>
      alone(key, { call: asked, messageId }, async (call) => {
        const { file, hasRow, caption, postedBy } = await read(key, call, messageId)
        const placed = place(placeOf(file))
        const text = editCaption(caption, said(file, placed))
        if (text === null) throw noRoomForName()
        const { editedAt } =
          text === caption
            ? file
            : await channel.edit(call, { messageId, text, part: 'caption', postedBy })
        const captionId = describeFile(text, null, { forwarded: false })?.id ?? null
        // A file that was deleted meanwhile must not come back.
        const isGone = hasRow && (await catalogue.libraryFile(key, messageId)) === null
        if (isGone) throw noSuchFile()
        const row = { ...file, ...placed, captionId, editedAt: editedAt ?? file.editedAt }
        await catalogue.applyToLibrary(key, { files: [{ ...row, knowsPlace: true }] })
      }),
    captionOfCopy: ({ file, caption }, { captionId, ...place }) => {
      const text = copyCaption(caption, said(file, place), captionId)
      if (text === null) throw noRoomForName()
      return text
    },
    placeFolder: (key, asked, { post, place }) =>
      alone(key, { call: asked, messageId: post.messageId }, async (call) => {
        const { messageId, folderId } = post
        const { name, parentId } = place
        const message = await readMessage(key, call, { messageId, missing: noSuchFolder })
        if (message !== null) await assertIsFolder(key, folderId, message)
        const before = message?.text ?? captionOfFolder(post)
        const text = editFolderText(before, { name, folderId: parentId })
        if (text === null) throw noRoomForName()
        const postedBy = message?.postedBy ?? null
        const { editedAt } =
          text === before
            ? post
            : await channel.edit(call, { messageId, text, part: 'text', postedBy })
        const row = { messageId, folderId, name, parentId, editedAt: editedAt ?? post.editedAt }
        await catalogue.applyToLibrary(key, { folders: [row] })
      }),
  }
}

function placeOf({ name, folderId }: FilePlace): FilePlace {
  return { name, folderId }
}

/** What the caption of a post says, as far as its row knows. */
function captionOf(file: LibraryFile, namesInCaptions: boolean): string {
  const { captionId, volumes, name, folderId, modifiedAt, sha256, crc32 } = file
  if (captionId === null) return ''
  const kind = volumes === null ? 'file' : 'manifest'
  const isSaid = namesInCaptions || kind === 'manifest'
  const place = isSaid ? { name, folderId } : { name: null, folderId: null }
  return encodeCaption({ id: captionId, kind, ...place, modifiedAt, sha256, crc32 })
}

function captionOfFolder({ folderId: id, name, parentId: folderId }: FolderPost): string {
  const unknown = { modifiedAt: null, sha256: null, crc32: null }
  return encodeCaption({ id, kind: 'folder', folderId, name, ...unknown })
}
