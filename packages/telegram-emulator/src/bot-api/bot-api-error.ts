/** A refusal as the Bot API words it (https://core.telegram.org/bots/api#making-requests). */
export class BotApiError extends Error {
  readonly code: number
  /** Seconds, for 429. */
  readonly retryAfter: number | undefined

  constructor(code: number, description: string, retryAfter?: number) {
    super(description)
    this.name = 'BotApiError'
    this.code = code
    this.retryAfter = retryAfter
  }
}

export const badBotRequest = (reason: string): BotApiError =>
  new BotApiError(400, `Bad Request: ${reason}`)
