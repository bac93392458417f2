/** The client broke a rule that ends its connection; `transportCode` is sent before (https://core.telegram.org/mtproto/mtproto-transports#transport-errors). */
export class ProtocolError extends Error {
  override name = 'ProtocolError'
  readonly transportCode: number

  constructor(message: string, transportCode = -404) {
    super(message)
    this.transportCode = transportCode
  }
}
