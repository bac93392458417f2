import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { loadCipher } from '../../../../src/telegram/mtproto/connection/encryption/cipher.ts'
import { loadGramjs } from '../../../../src/telegram/mtproto/connection/gramjs.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'

test('a new key keeps the zeros that it begins with', async () => {
  loadGramjs(createRecordingLog(), loadCipher({ native: true }))
  const { AuthKey } = createRequire(import.meta.url)('telegram/crypto/AuthKey')
  const number = randomBytes(254)
  const whole = randomBytes(256)

  const short = new AuthKey()
  await short.setKey(number)
  const copy = new AuthKey()
  await copy.setKey(short)
  const full = new AuthKey()
  await full.setKey(whole)
  const none = new AuthKey()
  await none.setKey(undefined)

  expect(short.getKey()).toEqual(Buffer.concat([Buffer.alloc(2), number]))
  expect(copy.getKey()).toEqual(short.getKey())
  expect(full.getKey()).toEqual(whole)
  expect(none.getKey()).toBeUndefined()
})
