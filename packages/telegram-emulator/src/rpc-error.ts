/** A refusal in Telegram's own words: an HTTP-like code and a name such as FLOOD_WAIT_2. */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.name = 'RpcError'
    this.code = code
  }
}

/** Too much at once: the call may be repeated after so many seconds. */
export const floodWait = (seconds: number): RpcError => new RpcError(420, `FLOOD_WAIT_${seconds}`)

/** `rpc_error` with code 400, the commonest one. */
export const badRequest = (message: string): RpcError => new RpcError(400, message)
