/** Lists of archives, as they were when an archive was first asked for: their bytes stay the same. */
export interface ArchiveRecords {
  /**
   * Keeps a list under an id, in the place of one that has it; the later end counts. Lists of this
   * owner, and of all, that are too much go, the oldest first.
   */
  keepArchive: (archive: KeptArchive) => Promise<void>
  /** Null where there is none, or it has ended. */
  findArchive: (id: string, now: number) => Promise<ArchiveList | null>
  deleteExpiredArchives: (now: number) => Promise<void>
}

export interface KeptArchive {
  /** Hex. */
  readonly id: string
  readonly owner: string
  readonly list: ArchiveList
  readonly expiresAt: number
}

/** What an archive has, in its order. */
export interface ArchiveList {
  /** The name of the archive itself. */
  readonly fileName: string
  readonly entries: readonly ArchiveListEntry[]
}

/** An entry as it was listed. */
export interface ArchiveListEntry {
  /** With slashes; a folder's ends with one. */
  readonly path: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
  /**
   * Null: it was not known when the list was made, and so stands behind the bytes for as long as the
   * list is kept.
   */
  readonly crc32: number | null
  /** Null: an empty folder. */
  readonly messageId: number | null
  /** Telegram's id of the document, decimal text; null: not known. */
  readonly documentId: string | null
}
