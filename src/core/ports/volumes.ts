/** A volume that is in Telegram, until its file is. */
export interface PostedVolume {
  /** From 1 on. */
  readonly number: number
  readonly messageId: number
  /** Telegram's id of the document, decimal text; null where the Bot API did not tell it. */
  readonly documentId: string | null
  /** By it a bot reads the volume; null where a user has posted it. */
  readonly fileId: string | null
  readonly size: number
  /** Lower-case hex, 8 digits. */
  readonly crc32: string
  /** The state of the whole file's SHA-256 behind this volume (lib/hashing/resumable-sha256.ts). */
  readonly hashState: Uint8Array
}

/** What is left in a channel of an upload that ended otherwise than well. */
export interface VolumeCleanup {
  readonly id: number
  readonly uploadId: string
  readonly owner: string
  readonly channelId: string
  /** The id in the lines of its posts. */
  readonly captionId: string
  /** Its volumes. */
  readonly messageIds: readonly number[]
  /** A post whose outcome is not known is newer than this message; null: there is no such post. */
  readonly lookAfter: number | null
}

/** What the ledger knows of uploads that go as volumes, beside their rows as uploads. */
export interface VolumeRecords {
  /** Those that are in Telegram, in order. */
  volumes: (uploadId: string) => Promise<PostedVolume[]>
  /**
   * Keeps in which channel an unfinished upload is posted, unless that was kept before. Resolves with
   * the channel that is kept; null for an upload that has ended.
   */
  fixVolumeChannel: (uploadId: string, channelId: string) => Promise<string | null>
  /**
   * Writes that a volume of an unfinished upload is posted, forgets its transfer, and frees the first
   * `freedChunks` chunks, whose rows stay. False for an upload that has ended.
   */
  postVolume: (uploadId: string, volume: PostedVolume, freed: FreedChunks) => Promise<boolean>
  /**
   * Oldest first. Written with the end of an upload that has failed, was cancelled or has expired, where
   * something of it may be in its channel.
   */
  volumeCleanups: () => Promise<VolumeCleanup[]>
  /** The newest token of the upload's owner, or null when it cannot be decrypted. */
  volumeCleanupToken: (id: number) => Promise<string | null>
  endVolumeCleanup: (id: number) => Promise<void>
}

export interface FreedChunks {
  /** How many there are now, from the first on. */
  freedChunks: number
  /** The upload's new touchedAt. */
  now: number
}
