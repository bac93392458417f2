import { createHash, randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { loadCipher } from '../../../../../src/telegram/mtproto/connection/encryption/cipher.ts'
import {
  decryptMessage,
  encryptMessages,
} from '../../../../../src/telegram/mtproto/connection/encryption/encrypted-message.ts'

const require = createRequire(import.meta.url)

test.each([
  ['the native module, where it is', true],
  ['WebAssembly', false],
])(
  "what is encrypted together by %s is decrypted by gramjs' own code on the server's side",
  async (_, native) => {
    const { AuthKey } = require('telegram/crypto/AuthKey')
    const { MTProtoState } = require('telegram/network/MTProtoState')
    const { IGE } = require('telegram/crypto/IGE')
    const { sha256 } = require('telegram/Helpers')
    loadCipher({ native })
    const key = randomBytes(256)
    const authKey = new AuthKey()
    await authKey.setKey(key)
    const state = new MTProtoState(authKey, {})
    const messages = [0, 4, 16, 100, 524_320, 524_320].map((length) => randomBytes(length))
    const inPieces = messages.map((message) => [
      message.subarray(0, message.length >> 1),
      message.subarray(message.length >> 1),
    ])

    const packets = encryptMessages(
      inPieces.map((pieces) => ({ keys: { authKey: key, salt: -5n, sessionId: 77n }, pieces })),
    )

    expect(packets).toHaveLength(messages.length)
    for (const [index, message] of messages.entries()) {
      const packet = packets[index] ?? Buffer.alloc(0)
      const stock = await state.encryptMessageData(message)
      expect(packet.subarray(0, 8).equals(stock.subarray(0, 8))).toBe(true)
      expect(packet.length).toBe(stock.length)

      const messageKey = packet.subarray(8, 24)
      const { key: aes, iv } = await state._calcKey(key, messageKey, true)
      const plain: Buffer = new IGE(aes, iv).decryptIge(packet.subarray(24))
      expect(plain.readBigInt64LE(0)).toBe(-5n)
      expect(plain.readBigInt64LE(8)).toBe(77n)
      expect(plain.subarray(16, 16 + message.length).equals(message)).toBe(true)
      expect(plain.length - 16 - message.length).toBeGreaterThanOrEqual(12)
      const digest: Buffer = await sha256(Buffer.concat([key.subarray(88, 120), plain]))
      expect(digest.subarray(8, 24).equals(messageKey)).toBe(true)
    }
  },
)

test.each([
  ['the native module, where it is', true],
  ['WebAssembly', false],
])(
  "a server's message is decrypted by %s, and one that was tampered with is not",
  async (_, native) => {
    const { AuthKey } = require('telegram/crypto/AuthKey')
    const { MTProtoState } = require('telegram/network/MTProtoState')
    const { IGE } = require('telegram/crypto/IGE')
    const key = randomBytes(256)
    loadCipher({ native })
    const authKey = new AuthKey()
    await authKey.setKey(key)
    const state = new MTProtoState(authKey, {})
    const plain = randomBytes(4096)
    const keyId = createHash('sha1').update(key).digest().subarray(12, 20)
    const digest = createHash('sha256').update(key.subarray(96, 128)).update(plain).digest()
    const messageKey = digest.subarray(8, 24)
    const { key: aes, iv } = await state._calcKey(key, messageKey, false)
    const packet = Buffer.concat([keyId, messageKey, new IGE(aes, iv).encryptIge(plain)])

    expect(decryptMessage(key, Buffer.from(packet))?.equals(plain)).toBe(true)
    for (const at of [0, 10, 24, packet.length - 1]) {
      const tampered = Buffer.from(packet)
      tampered[at] = (tampered[at] ?? 0) ^ 1
      expect(decryptMessage(key, tampered)).toBeNull()
    }
    expect(decryptMessage(key, packet.subarray(0, 100))).toBeNull()
    expect(decryptMessage(randomBytes(256), packet)).toBeNull()
  },
)
