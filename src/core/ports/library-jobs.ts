import type { LibraryChanges, LibraryEffect, LibraryKey } from './catalogue.ts'
import type { PostNote } from './channel.ts'
import type { TransferState } from './records.ts'

/**
 * What the ledger knows of jobs that change a library, and of folders whose messages are being
 * posted. As with the ledger's other calls, each is one transaction, and nothing is validated here.
 */
export interface LibraryJobRecords {
  /**
   * Opens a job with its items, and keeps the token encrypted until the job ends. Resolves with null
   * where the owner has `maxUnfinished` of them already.
   */
  openLibraryJob: (job: NewLibraryJob, maxUnfinished: number) => Promise<LibraryJob | null>
  libraryJob: (id: string) => Promise<LibraryJob | null>
  /** Unfinished ones first, of each kind the newest first. */
  libraryJobsOf: (owner: string, limit: number) => Promise<LibraryJob[]>
  /** The oldest first. */
  unfinishedLibraryJobs: () => Promise<LibraryJob[]>
  /** The token of an unfinished job, or null when it cannot be decrypted. */
  libraryJobToken: (id: string) => Promise<string | null>
  /** Items that are not settled yet, in their order. */
  openLibraryItems: (id: string, limit: number) => Promise<LibraryItem[]>
  /** Keeps what is noted of an item's post, before its first try. */
  saveLibraryItemNote: (id: string, position: number, note: PostNote) => Promise<void>
  /**
   * Settles items that are open, and writes what they have changed, in one transaction. Resolves with
   * the job as it is now.
   */
  settleLibraryItems: (
    id: string,
    settled: readonly SettledItem[],
    changes: LibraryChanges,
  ) => Promise<{ job: LibraryJob | null; effect: LibraryEffect }>
  /**
   * The posts of the file of volumes that an item deletes or copies, its manifest's first: those that
   * are kept, or else the given ones, which are kept from then on until the item is settled. Volumes
   * of that caption's id are not left over meanwhile.
   */
  itemVolumes: (id: string, position: number, posts?: NewItemVolumes) => Promise<ItemVolume[]>
  /** Keeps what is noted of the post of a volume's copy, before its first try. */
  saveItemVolumeNote: (id: string, at: ItemVolumePlace, note: PostNote) => Promise<void>
  /** Keeps where the copy of a volume is. */
  saveItemVolumeCopy: (id: string, at: ItemVolumePlace, messageId: number) => Promise<void>
  /** What is kept of the post of an item's new manifest; null: nothing. */
  itemTransfer: (id: string, position: number) => Promise<TransferState | null>
  saveItemTransfer: (id: string, position: number, state: TransferState | null) => Promise<void>
  /** Ends an unfinished job, and erases its token. `reason`: why it failed; null: it did not. */
  endLibraryJob: (id: string, reason: string | null, now: number) => Promise<LibraryJob | null>
  /** Forgets what ended at `before` or earlier, and drafts of folders that nothing waits for. */
  forgetLibraryJobs: (before: number) => Promise<void>

  /**
   * Resolves with the folder that is being made under this name, or begins it with the given id: two
   * that want it at once make one folder.
   */
  draftFolder: (key: LibraryKey, draft: NewFolderDraft) => Promise<FolderDraft>
  saveFolderNote: (key: LibraryKey, folderId: string, note: PostNote) => Promise<void>
  /** Writes the folder's row and forgets the draft, in one transaction. */
  settleFolder: (
    key: LibraryKey,
    folderId: string,
    changes: LibraryChanges,
  ) => Promise<LibraryEffect>
}

export type LibraryJobKind = 'move' | 'copy' | 'delete'

export interface NewLibraryJob {
  readonly id: string
  readonly key: LibraryKey
  readonly kind: LibraryJobKind
  /** Where files are moved or copied to, by names from the root down; null: to no folder. */
  readonly target: readonly string[] | null
  /** What is deleted or changed, in this order: messages of files, and of folders behind them. */
  readonly items: readonly NewLibraryItem[]
  readonly token: string
  readonly now: number
}

export interface NewLibraryItem {
  readonly messageId: number
  /** Whether the message makes a folder; else it has a file. */
  readonly isFolder: boolean
  /** The id of the caption of a copy, so that every try posts the same; null: nothing is posted. */
  readonly captionId: string | null
}

/** A job that changes messages of a channel. */
export interface LibraryJob {
  readonly id: string
  readonly key: LibraryKey
  readonly kind: LibraryJobKind
  readonly target: readonly string[] | null
  readonly state: 'running' | 'completed' | 'failed'
  readonly total: number
  readonly done: number
  /** Items that could not be changed. */
  readonly failed: number
  /** Why it has failed, or why the first of its items could not be changed: a sentence. */
  readonly reason: string | null
  readonly createdAt: number
  readonly finishedAt: number | null
}

export interface LibraryItem extends NewLibraryItem {
  readonly position: number
  readonly note: PostNote | null
}

export interface NewItemVolumes {
  /** The id in the lines of what is deleted, or of the copies. */
  readonly captionId: string
  /** The manifest's message, and those of the volumes in their order. */
  readonly messageIds: readonly number[]
}

export interface ItemVolumePlace {
  readonly position: number
  /** 0: the manifest; the volumes from 1 on. */
  readonly number: number
}

export interface ItemVolume extends Pick<ItemVolumePlace, 'number'> {
  /** What is deleted or copied. */
  readonly messageId: number
  /** Of the post of its copy. */
  readonly note: PostNote | null
  /** The message of its copy. */
  readonly copyId: number | null
}

export interface SettledItem {
  readonly position: number
  /** Why it could not be changed; null: it was. */
  readonly reason: string | null
}

export interface NewFolderDraft {
  readonly folderId: string
  readonly name: string
  /** The folder around it; null: the root. */
  readonly parentId: string | null
  readonly now: number
}

export interface FolderDraft {
  readonly folderId: string
  readonly note: PostNote | null
}
