/**
 * What the ledger knows of shares: links with a page, which others open. `holder` is the owner's name
 * in tickets (core/model/ticket-format.ts). A row names its share by `id`; the address that opens it
 * is made of the id and the ledger's key (core/model/share-format.ts), and stands in no row.
 */
export interface ShareRecords {
  /**
   * Writes a share and keeps its owner's login. Ended shares of the owner beyond `keepEnded` are
   * forgotten, the oldest first. Resolves with false, and writes nothing, where the owner has
   * `maxOpen` shares already that have not ended.
   */
  openShare: (share: Share, login: ShareLogin, limits: ShareLimits) => Promise<boolean>
  findShare: (id: string) => Promise<KnownShare | null>
  /** Those that have not ended first, of each kind the newest first. */
  sharesOf: (holder: string, now: number) => Promise<KnownShare[]>
  /** Resolves with the share as it is now; null where the holder has no such share, or ended it. */
  changeShare: (id: string, holder: string, change: ShareChange) => Promise<KnownShare | null>
  /** Ends a share for good. Resolves with false where the holder has no such share. */
  endShare: (id: string, holder: string, now: number) => Promise<boolean>
  /**
   * Counts a download, unless this visit has counted the same content within `visitMs`: the look and
   * the count are one step, so of two that want the last download one gets it.
   */
  countDownload: (download: ShareDownload) => Promise<CountedDownload>
  /** Whether this visit has counted anything within `visitMs`. */
  hasVisited: (
    visit: Omit<ShareDownload, 'content' | 'visit'> & { visit: string },
  ) => Promise<boolean>
  /**
   * Keeps the newest login of an owner who has shares: one that ends later than the one before, or
   * as late, or says no end.
   */
  keepShareLogin: (holder: string, login: ShareLogin) => Promise<void>
  /** The token, or null where there is none or it cannot be decrypted. */
  shareToken: (holder: string) => Promise<string | null>
  /** This login was refused: shares end with it, until a newer one is kept. */
  endShareLogin: (holder: string, token: string, now: number) => Promise<void>
  /** How many shares have not ended. */
  openShares: (now: number) => Promise<number>
  /** Forgets visits that began at `visitsBefore` or earlier, and shares that ended at `endedBefore` or earlier. */
  forgetShares: (before: { visits: number; ended: number }) => Promise<void>
}

/** What is shared: files that stay the same, or a folder, which has what lies in it when it is opened. */
export type ShareContent =
  | { readonly kind: 'files'; readonly messageIds: readonly number[] }
  /** The folder's id as captions say it; null: the root. */
  | { readonly kind: 'folder'; readonly folderId: string | null }

export interface Share {
  /** 16 hex digits. */
  readonly id: string
  readonly holder: string
  /** The marked id of the channel, whose messages the content names. */
  readonly channelId: string
  readonly content: ShareContent
  readonly title: string | null
  /** Both in hex: scrypt's salt and what it made of the password. */
  readonly password: SharePassword | null
  readonly maxDownloads: number | null
  readonly createdAt: number
  /** When it ends, if its owner's login does not end before. */
  readonly expiresAt: number
}

export interface SharePassword {
  readonly salt: string
  readonly hash: string
}

export interface KnownShare extends Share {
  /** Downloads that were counted. */
  readonly downloads: number
  readonly lastUsedAt: number | null
  /** When its owner ended it; null: they did not. */
  readonly endedAt: number | null
  /** What is known of the owner's newest login; null: there is none. */
  readonly login: Pick<ShareLogin, 'endsAt'> | null
}

/** A login token, which is kept encrypted. */
export interface ShareLogin {
  readonly token: string
  /** When the token says that it ends; null: it does not say. */
  readonly endsAt: number | null
}

export interface ShareLimits {
  readonly maxOpen: number
  readonly keepEnded: number
}

/** What is left out stays as it is. */
export type ShareChange = Partial<Pick<Share, 'title' | 'password' | 'maxDownloads' | 'expiresAt'>>

export interface ShareDownload {
  readonly id: string
  /** A hash of the visit's name, hex; null: the caller names no visit, and every download counts. */
  readonly visit: string | null
  /** What is downloaded: a message id, or a name for all of the share. */
  readonly content: string
  readonly visitMs: number
  readonly now: number
}

export type CountedDownload =
  | 'counted'
  /** This visit has counted it before. */
  | 'repeated'
  | 'used-up'
  /** It has ended, or is not known. */
  | 'ended'
