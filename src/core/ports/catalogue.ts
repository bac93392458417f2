/**
 * The library: what a channel holds, as rows that can be thrown away and read from the channel again.
 * Only where a bot without MTProto credentials has the channel, which cannot see messages, the rows
 * are the only record. So rows go for one reason alone: their message is known to be gone.
 *
 * Nothing is validated here. Calls reject with SPOOL_FULL and SPOOL_FAILED, as the ledger's do.
 */
export interface Catalogue {
  /**
   * Writes what is known of a library's messages, in one transaction. It may be told again, and in
   * another order: of one message the newest edit stays. A call with some hundred changes takes
   * milliseconds during which nothing else runs; a caller with more makes several calls.
   */
  applyToLibrary: (key: LibraryKey, changes: LibraryChanges) => Promise<LibraryEffect>
  /** Null before the first change of the library. */
  librarySync: (key: LibraryKey) => Promise<LibrarySync | null>
  /** The highest id of a message that has a row; 0: there is none. */
  newestInLibrary: (key: LibraryKey) => Promise<number>
  /** How many libraries there are, and the files in all of them. */
  libraryTotals: () => Promise<{ libraries: number; files: number }>
  libraryFile: (key: LibraryKey, messageId: number) => Promise<ShownFile | null>
  /** Those of the messages that are files, in no order. A caller with more than some hundred makes several calls. */
  libraryFiles: (key: LibraryKey, messageIds: readonly number[]) => Promise<ShownFile[]>
  /** The folder that is shown at this path of names, from the root (`[]`) down; null: there is none. */
  libraryFolder: (key: LibraryKey, path: readonly string[]) => Promise<ShownFolder | null>
  /** The folder that files with this folder's id are shown in (null: the root); null: there is none. */
  libraryFolderOfId: (key: LibraryKey, folderId: string | null) => Promise<ShownFolder | null>
  /** The newest messages first. */
  libraryFilesNamed: (
    key: LibraryKey,
    path: readonly string[],
    name: string,
  ) => Promise<ShownFile[]>
  /**
   * One page of a folder; null: there is no such folder. It lets other calls through while it works,
   * so it sees what they write: a file whose place in the order changes meanwhile may be missing, or
   * come twice.
   */
  libraryPage: (key: LibraryKey, query: LibraryQuery) => Promise<LibraryPage | null>
  /** The volumes of a file, in the order of their messages, of which two may have one number. */
  libraryVolumes: (key: LibraryKey, captionId: string) => Promise<VolumePost[]>
  /** The messages of a file's manifests: more than one where somebody has posted it again. */
  libraryManifests: (key: LibraryKey, captionId: string) => Promise<number[]>
  /** The volume that a message is; null: it is none. */
  libraryVolume: (key: LibraryKey, messageId: number) => Promise<VolumePost | null>
  /**
   * Volumes without a manifest, of all files or of one, the newest first; but none of uploads that are
   * still on their way, and of files that are being copied or deleted.
   */
  libraryLeftovers: (
    key: LibraryKey,
    query: { limit: number; captionId?: string },
  ) => Promise<Leftover[]>
  /** Everything that is shown in a folder and below; null: there is no such folder. */
  libraryTree: (key: LibraryKey, path: readonly string[]) => Promise<LibraryTree | null>
}

/** The channel that the credentials of an owner name, by its marked id where it has one. */
export interface LibraryKey {
  readonly owner: string
  readonly channelId: string
}

export type FileKind = 'video' | 'audio' | 'image' | 'document' | 'archive' | 'other'

/** A message with a document: a file, or the manifest of a file of volumes, whose message stands for it. */
export interface LibraryFile {
  readonly messageId: number
  readonly name: string
  /** The folder's id as the caption says it, 32 hex digits; null: the root. It may be unknown. */
  readonly folderId: string | null
  /** Of a file of volumes: of those that are known. */
  readonly size: number
  readonly mimeType: string
  /** How many volumes of the file are known; null: its document is the file. */
  readonly volumes: number | null
  readonly postedAt: number
  /** The message's last edit; null: it was never edited. */
  readonly editedAt: number | null
  /** When the file itself was last changed, as its sender says. */
  readonly modifiedAt: number | null
  /** Hex. */
  readonly sha256: string | null
  /** Hex. */
  readonly crc32: string | null
  /**
   * Whether the digests are those of a receipt: this worker has made them of the bytes that it sent,
   * or read whole.
   * Otherwise the caption claims them.
   */
  readonly isMeasured: boolean
  readonly hasThumbnail: boolean
  /**
   * The Bot API's id of the document, where the file was posted from here: a bot that cannot see
   * messages finds the file by it.
   */
  readonly fileId: string | null
  /** The Bot API's id of the document's small picture, as `fileId`. */
  readonly thumbnailId: string | null
  /** Telegram's id of the document, decimal text: the same bytes for ever. Null: not known. */
  readonly documentId: string | null
  /** The id of the caption's line (core/model/caption.ts); null: the message has no line. */
  readonly captionId: string | null
}

/** A file as one of its sources tells it. */
export interface FileRow
  extends Omit<
    LibraryFile,
    'mimeType' | 'volumes' | 'hasThumbnail' | 'fileId' | 'thumbnailId' | 'documentId' | 'isMeasured'
  > {
  /** Null: the source does not know. */
  readonly mimeType: string | null
  /** True: the document is a manifest. The size given here counts until a volume is known. */
  readonly isManifest?: boolean
  /** Null: the source does not know. */
  readonly hasThumbnail: boolean | null
  /** Without it the source does not know. */
  readonly fileId?: string | null
  /** Without it the source does not know. */
  readonly thumbnailId?: string | null
  /** Without it the source does not know. */
  readonly documentId?: string | null
  /** True: the digests are the worker's own. Those of a receipt count in any case. */
  readonly isMeasured?: boolean
  /**
   * Whether the source knows name and folder. A caption may leave both out: then those stay that the
   * row has, and the ones given here are for a row that is new.
   */
  readonly knowsPlace: boolean
}

/** A message that holds a piece of a file. It is not shown: its manifest stands for the file. */
export interface VolumePost {
  readonly messageId: number
  /** The id in the lines of all posts of the file, 32 hex digits. */
  readonly captionId: string
  /** From 1 on. */
  readonly number: number
  /** How many volumes the file has, as the line says. */
  readonly of: number
  readonly size: number
  /** The name of the file. */
  readonly name: string
  readonly postedAt: number
  readonly editedAt: number | null
}

/** Volumes that no manifest in the library names. */
export interface Leftover extends Pick<VolumePost, 'captionId' | 'name' | 'of'> {
  /** How many of them are there, each number counted once. */
  readonly volumes: number
  readonly bytes: number
  /** The date of the newest. */
  readonly postedAt: number
}

/** A message that makes a folder. Several may have one id: the lowest message counts. */
export interface FolderPost {
  readonly messageId: number
  /** 32 hex digits. */
  readonly folderId: string
  readonly name: string
  /** The id of the folder around it; null: the root. It may be unknown. */
  readonly parentId: string | null
  /** When the message was edited last, or else posted. */
  readonly editedAt: number
}

export interface LibraryChanges {
  readonly files?: readonly FileRow[]
  readonly folders?: readonly FolderPost[]
  readonly volumes?: readonly VolumePost[]
  /** Messages that are gone, or hold none of these now. */
  readonly gone?: readonly number[]
  /**
   * The files, volumes and folders of this call are all that the channel has among these ids, both ends
   * included: other rows between them go.
   */
  readonly complete?: { readonly from: number; readonly to: number }
  readonly sync?: LibrarySync
}

/** What has really changed. */
export interface LibraryEffect {
  /** Messages whose rows were written or removed, without those that were so already. */
  readonly messageIds: readonly number[]
}

/** How far the rows follow the channel. */
export interface LibrarySync {
  /** The channel's `pts` that the rows have reached; null: they have never been complete. */
  readonly pts: number | null
  /** A rescan on its way, or null. */
  readonly scan: LibraryScan | null
  /** When the rows last agreed with the channel, or null. */
  readonly lookedAt: number | null
}

export interface LibraryScan {
  /** The channel's `pts` before the first message was read. */
  readonly pts: number
  /** Messages with this id and above have been read. */
  readonly below: number
  /** Messages read so far. */
  readonly seen: number
  /** About how many messages there are, where that is known. */
  readonly total: number | null
}

export interface ShownFile extends LibraryFile {
  readonly kind: FileKind
  /** Names from the root down: where the file is shown. */
  readonly path: readonly string[]
}

export interface ShownFolder {
  /** The id that new files of this folder name; null: the root. */
  readonly folderId: string | null
  readonly path: readonly string[]
  /** Files of it and of all folders below. */
  readonly files: number
  readonly bytes: number
  /** All messages that are shown as this folder, the one that counts first; none: the root. */
  readonly posts: readonly FolderPost[]
}

export type LibrarySort = 'name' | 'size' | 'date'

export interface LibraryQuery {
  /** The folder, from the root down. */
  readonly path: readonly string[]
  /** Files of all folders below as well. */
  readonly recursive: boolean
  /** Words made by `searchWords`, all of which the name has. None: every name. */
  readonly words: readonly string[]
  readonly kind: FileKind | null
  readonly sort: LibrarySort
  readonly descending: boolean
  /** Of files, and of folders too. */
  readonly limit: number
  readonly after: LibraryPosition
}

/** Where the next page begins, among files and among folders. */
export interface LibraryPosition {
  readonly file: OrderPosition
  readonly folder: OrderPosition
}

/**
 * A place in an order: its start, its end, or behind what has this value, and among equal ones this
 * id (a file's message id).
 */
export type OrderPosition =
  | 'start'
  | 'end'
  | { readonly value: string | number; readonly id: number }

export interface LibraryPage {
  readonly files: readonly ShownFile[]
  /**
   * By name. Without words the folders that lie in the folder itself; with words those that have
   * them in their names, also further below where the query is recursive.
   */
  readonly folders: readonly FolderSummary[]
  readonly next: LibraryPosition | null
}

export type FolderSummary = Pick<ShownFolder, 'path' | 'files' | 'bytes'>

/** What a folder holds at one moment. */
export interface LibraryTree {
  /** Messages of all files, in no order. */
  readonly fileIds: readonly number[]
  /** Messages of the folder itself and of those below, the deepest folders first. */
  readonly folderIds: readonly number[]
  /** Paths, from the folder itself down, of folders in it with nothing in them. */
  readonly emptyFolders: readonly (readonly string[])[]
  /** How many folders lie in each other, the folder itself not counted. */
  readonly depth: number
  /** Bytes of UTF-8 by which the longest path in it is longer than that of the folder itself. */
  readonly bytes: number
}
