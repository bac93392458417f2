/** What one token lets the worker do on Telegram. Secrets: never logged, never stored. */
export interface Credentials {
  /** The owner of everything done with this token: the backend's `user_id`. */
  userId: string
  botToken: string | null
  /** Marked id as text, such as `-1001234567890`; a bare id is accepted too. */
  channelId: string
  /** Telethon's or gramjs' string session of the user. */
  session: string | null
  apiId: number | null
  apiHash: string | null
}

/** What a token of `/download` grants. */
export interface DownloadGrant {
  credentials: Credentials
  /** A login token may read every file of its owner; a download token is for one message. */
  kind: 'login' | 'download'
  /** Set when the backend itself, or a ticket, ties the token to one message. */
  messageId: number | null
  /** The Bot API file_id of that message's document, where a ticket names it. */
  fileId?: string
}

export interface CredentialsProvider {
  /**
   * Asks whose login token this is. Cached and single-flight by the token's hash.
   * Rejects with TOKEN_REFUSED, TELEGRAM_NOT_CONFIGURED or BACKEND_UNAVAILABLE.
   */
  forUpload: (token: string) => Promise<Credentials>
  /**
   * The same, but while the backend is down an answer that was valid once serves on, unless `runs`
   * says that there is nothing to go on with.
   */
  forRunningUpload: (
    token: string,
    runs?: (once: Credentials) => Promise<boolean>,
  ) => Promise<Credentials>
  /** The same for `/download`: a download token, or else a login token. */
  forDownload: (token: string) => Promise<DownloadGrant>
}
