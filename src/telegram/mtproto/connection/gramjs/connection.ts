import { buffers } from '../../../../lib/buffer-pool.ts'
import { MiB } from '../../../../lib/units.ts'
import type { StreamSocket } from '../socket.ts'

/** What is used of gramjs' ConnectionTCPFull. */
export interface GramjsConnection {
  readonly socket: StreamSocket
  _initConn(): Promise<void>
  _send(data: Buffer): Promise<void>
  _recv(): Promise<Buffer>
}

export type GramjsConnectionClass = new (options: object) => GramjsConnection

/** What a client of this transport begins with. */
const TAG = Buffer.alloc(4, 0xee)
const LENGTH_BYTES = 4
/**
 * What no packet of Telegram's reaches: an answer carries 1 MB of a file at the most. Sessions name
 * the address that is spoken to, and memory is taken for as much as a server there announces.
 */
const MAX_PACKET_BYTES = 16 * MiB

/**
 * MTProto's intermediate transport (core.telegram.org/mtproto/mtproto-transports#intermediate): each
 * packet has its length before it. gramjs only has the full one, whose checksums cost as much as a
 * third of the cipher and tell nothing that a message's key does not; it puts each packet together
 * three times and does not wait for the socket.
 */
export function createConnectionClass(base: GramjsConnectionClass): GramjsConnectionClass {
  return class IntermediateConnection extends base {
    override async _initConn(): Promise<void> {
      await this.socket.write(TAG)
    }

    override async _send(data: Buffer): Promise<void> {
      const length = Buffer.allocUnsafe(LENGTH_BYTES)
      length.writeUInt32LE(data.length)
      await this.socket.write(length, data)
      buffers.giveBack(data)
    }

    override async _recv(): Promise<Buffer> {
      const header = await this.socket.readExactly(LENGTH_BYTES)
      const length = header.readInt32LE(0)
      // A transport error may come bare, where a length should be (LonamiWebs/Telethon#4042).
      if (length <= 0) return header
      if (length > MAX_PACKET_BYTES) throw new Error('a packet is too large')
      return this.socket.readExactly(length)
    }
  }
}
