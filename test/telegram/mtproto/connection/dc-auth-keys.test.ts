import { expect, test } from 'vitest'
import { createDcAuthKeys } from '../../../../src/telegram/mtproto/connection/dc-auth-keys.ts'
import { loadCipher } from '../../../../src/telegram/mtproto/connection/encryption/cipher.ts'
import { loadGramjs } from '../../../../src/telegram/mtproto/connection/gramjs.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'

const never = new AbortController().signal

test('the store is asked once for all callers that wait, and not again for a key that is known', async () => {
  let reads = 0
  const unexpected = async (): Promise<never> => {
    throw new Error('a new key is wanted')
  }
  const keys = createDcAuthKeys({
    gramjs: loadGramjs(createRecordingLog(), loadCipher({ native: true })),
    apiId: 1,
    connect: unexpected,
    store: {
      get: async () => {
        reads++
        return Buffer.alloc(256, reads)
      },
      set: unexpected,
    },
    centres: unexpected,
    callHome: unexpected,
    closing: never,
  })

  const [one, other] = await Promise.all([keys.get(4, never), keys.get(4, never)])
  const later = await keys.get(4, never)

  expect([other, later, keys.current(4)]).toEqual([one, one, one])
  expect(reads).toBe(1)
})
