import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { buffers } from '../../../../../src/lib/buffer-pool.ts'
import {
  type FastPathSender,
  layFastPath,
} from '../../../../../src/telegram/mtproto/connection/gramjs/fast-path.ts'
import { loadModules } from '../../../../../src/telegram/mtproto/connection/gramjs/modules.ts'

const SESSION = 0x0102030405060708n
const RPC_RESULT = 0xf35c6d01
const MSG_CONTAINER = 0x73f1f8dc
const BOOL_TRUE = 0x997275b5

const modules = loadModules()
/** gramjs' long; the fast path wants less of it than its type says. */
const long = (value: bigint) =>
  modules.helpers.returnBigInt(String(value)) as unknown as FastPathSender['_state']['id']

test('a packet with one answer can be given back for the next one', async () => {
  const packet = message(RPC_RESULT, 300_004)

  await decrypt(packet)
  buffers.giveBack(packet)

  expect(buffers.take(300_004).buffer).toBe(packet.buffer)
})

test('a packet with several answers is never used again: each of them may be read for long', async () => {
  const packet = message(MSG_CONTAINER, 300_008)

  await decrypt(packet)
  buffers.giveBack(packet)

  expect(buffers.take(300_008).buffer).not.toBe(packet.buffer)
})

/** A decrypted message in the pool's memory, of a size that no packet has. */
function message(constructorId: number, size: number): Buffer {
  const plain = buffers.take(size).fill(0)
  plain.writeBigInt64LE(SESSION, 8)
  randomBytes(8).copy(plain, 16)
  plain.writeUInt32LE(constructorId, 32)
  // What an answer answers, and then that it is so; a container has no messages.
  if (constructorId === RPC_RESULT) plain.writeUInt32LE(BOOL_TRUE, 44)
  return plain
}

/** Through the fast path of a sender that has a key; decryption itself has tests of its own. */
async function decrypt(plain: Buffer): Promise<void> {
  const key = randomBytes(256)
  const state: FastPathSender['_state'] = {
    salt: long(1n),
    id: long(SESSION),
    msgIds: [],
    encryptMessageData: async () => Buffer.alloc(0),
    decryptMessageData: async () => {
      throw new Error('it was not large enough')
    },
    writeDataAsMessage: async () => undefined,
  }
  layFastPath({ authKey: { getKey: () => key }, _state: state }, modules.tools, async () => plain)
  await state.decryptMessageData(plain)
}
