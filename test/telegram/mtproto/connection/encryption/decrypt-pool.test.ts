import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { createDecryptPool } from '../../../../../src/telegram/mtproto/connection/encryption/decrypt-pool.ts'

const require = createRequire(import.meta.url)

/** A message as a server seals it, by gramjs' own code. */
async function sealByServer(authKey: Buffer, plain: Buffer): Promise<Buffer> {
  const { AuthKey } = require('telegram/crypto/AuthKey')
  const { MTProtoState } = require('telegram/network/MTProtoState')
  const { IGE } = require('telegram/crypto/IGE')
  const key = new AuthKey()
  await key.setKey(authKey)
  const state = new MTProtoState(key, {})
  const keyId = createHash('sha1').update(authKey).digest().subarray(12, 20)
  const digest = createHash('sha256').update(authKey.subarray(96, 128)).update(plain).digest()
  const messageKey = digest.subarray(8, 24)
  const { key: aes, iv } = await state._calcKey(authKey, messageKey, false)
  return Buffer.concat([keyId, messageKey, new IGE(aes, iv).encryptIge(plain)])
}

test('messages that are decrypted at once in other threads come back each to its caller', async () => {
  const decryptPool = createDecryptPool(2)
  const authKey = randomBytes(256)
  const plains = Array.from({ length: 12 }, (_, at) => randomBytes(16 * (at + 1) * 640))
  const packets = await Promise.all(plains.map((plain) => sealByServer(authKey, plain)))

  const opened = await Promise.all(
    packets.map((packet) => decryptPool.decrypt({ authKey, packet })),
  )

  for (const [at, plain] of plains.entries()) expect(opened[at]?.equals(plain)).toBe(true)
})

test('a message for another key or with a changed byte is not decrypted', async () => {
  const decryptPool = createDecryptPool(1)
  const authKey = randomBytes(256)
  const packet = await sealByServer(authKey, randomBytes(4096))
  const changed = Buffer.from(packet)
  changed[2000] = (changed[2000] ?? 0) ^ 1

  expect(
    await decryptPool.decrypt({ authKey: randomBytes(256), packet: Buffer.from(packet) }),
  ).toBeNull()
  expect(await decryptPool.decrypt({ authKey, packet: changed })).toBeNull()
  expect(await decryptPool.decrypt({ authKey, packet })).not.toBeNull()
})
