export interface SessionAddress {
  dcId: number
  host: string
  port: number
  key: Uint8Array
}

const VERSION = '1'

/** A string session as gramjs writes it: DC, length and text of the address, port, key; in base64. */
export function toGramjsSession({ dcId, host, port, key }: SessionAddress): string {
  const address = Buffer.from(host)
  const head = Buffer.alloc(3)
  head.writeUInt8(dcId, 0)
  head.writeInt16BE(address.length, 1)
  const tail = Buffer.alloc(2)
  // gramjs reads and writes a signed port, so one above 32767 cannot be carried.
  tail.writeInt16BE(port, 0)
  return VERSION + Buffer.concat([head, address, tail, key]).toString('base64')
}

/** A string session as Telethon writes it: struct `>B4sH256s` in URL-safe base64, 353 characters. */
export function toTelethonSession({ dcId, host, port, key }: SessionAddress): string {
  const head = Buffer.alloc(7)
  head.writeUInt8(dcId, 0)
  head.set(host.split('.').map(Number), 1)
  head.writeUInt16BE(port, 5)
  const text = Buffer.concat([head, key]).toString('base64')
  return VERSION + text.replaceAll('+', '-').replaceAll('/', '_')
}
