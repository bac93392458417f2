import { crc32 } from 'node:zlib'
import { MiB } from '../../../../lib/units.ts'
import { buffers } from '../encryption/buffer-pool.ts'
import type { StreamSocket } from '../socket.ts'

/** What is used of gramjs' ConnectionTCPFull. */
export interface GramjsConnection {
  readonly socket: StreamSocket
  _send(data: Buffer): Promise<void>
  _recv(): Promise<Buffer>
}

export type GramjsConnectionClass = new (options: object) => GramjsConnection

const HEADER_BYTES = 8
const CHECKSUM_BYTES = 4
/**
 * What no packet of Telegram's reaches: an answer carries 1 MB of a file at the most. Sessions name
 * the address that is spoken to, and memory is taken for as much as a server there announces.
 */
const MAX_PACKET_BYTES = 16 * MiB

/**
 * MTProto's "full" transport (core.telegram.org/mtproto/mtproto-transports#full): length,
 * sequence number, payload, CRC-32 of all that. gramjs' own puts each packet together three
 * times and does not wait for the socket.
 */
export function createConnectionClass(base: GramjsConnectionClass): GramjsConnectionClass {
  return class FullConnection extends base {
    #sent = 0

    override async _send(data: Buffer): Promise<void> {
      const header = Buffer.allocUnsafe(HEADER_BYTES)
      header.writeInt32LE(HEADER_BYTES + data.length + CHECKSUM_BYTES, 0)
      header.writeInt32LE(this.#sent++, 4)
      const checksum = Buffer.allocUnsafe(CHECKSUM_BYTES)
      checksum.writeUInt32LE(crc32(data, crc32(header)), 0)
      await this.socket.write(header, data, checksum)
      buffers.giveBack(data)
    }

    override async _recv(): Promise<Buffer> {
      const header = await this.socket.readExactly(HEADER_BYTES)
      const length = header.readInt32LE(0)
      // A transport error may come bare, where a length should be (LonamiWebs/Telethon#4042).
      if (length < HEADER_BYTES + CHECKSUM_BYTES) return header.subarray(0, 4)
      if (length > MAX_PACKET_BYTES) throw new Error('a packet is too large')
      const rest = await this.socket.readExactly(length - HEADER_BYTES)
      const payload = rest.subarray(0, -CHECKSUM_BYTES)
      const checksum = rest.readUInt32LE(payload.length)
      if (crc32(payload, crc32(header)) !== checksum) throw new Error('a packet came damaged')
      return payload
    }
  }
}
