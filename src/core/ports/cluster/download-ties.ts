/**
 * What the nodes of a cluster know together of download tokens that name no message: each opens the one
 * that was read with it first. `token` is a hash of the token.
 */
export interface DownloadTieRecords {
  /** The message that the token opens, or null where none was read with it yet. */
  tiedMessage: (token: string, now: number) => Promise<number | null>
  /**
   * Ties the token to a message until then, unless it is tied already; resolves with the one that it
   * opens: the look and the row are one step.
   */
  tieDownload: (tie: {
    token: string
    messageId: number
    now: number
    until: number
  }) => Promise<number>
}
