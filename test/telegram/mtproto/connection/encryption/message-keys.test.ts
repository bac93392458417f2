import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { loadCipher } from '../../../../../src/telegram/mtproto/connection/encryption/cipher.ts'
import { messageKeysOf } from '../../../../../src/telegram/mtproto/connection/encryption/message-keys.ts'

const PART = 524_368

test.each([
  ['none', []],
  ['one', [PART]],
  ['two parts', [PART, PART]],
  ['three parts', [PART, PART, PART]],
  ['four, the last one shorter', [PART, PART, PART, 300_000]],
  ['two of different lengths', [PART, PART - 16]],
  ['two that end in one block', [PART, PART + 16]],
  ['a part and a small one', [PART, 64]],
  ['two of the least that goes in pairs', [16_384, 16_384]],
  ['two just below that', [16_368, 16_368]],
])('the keys of %s are those of the specification', (_name, lengths) => {
  const messages = lengths.map((length) => ({
    authKey: randomBytes(256),
    // Memory that begins anywhere.
    plain: randomBytes(length + 3).subarray(3),
  }))
  for (const native of [true, false]) {
    loadCipher({ native })
    for (const x of [0, 8]) {
      const expected = messages.map(({ authKey, plain }) =>
        createHash('sha256')
          .update(authKey.subarray(88 + x, 120 + x))
          .update(plain)
          .digest()
          .subarray(8, 24),
      )

      expect(messageKeysOf(messages, x)).toEqual(expected)
    }
  }
})
