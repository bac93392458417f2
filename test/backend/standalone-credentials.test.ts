import { expect, test } from 'vitest'
import { createStandaloneCredentials } from '../../src/backend/standalone-credentials.ts'
import { hashToken } from '../../src/backend/token.ts'

const credentials = {
  botToken: '1:bot',
  channelId: '-1001234567890',
  session: 'session',
  apiId: 1,
  apiHash: 'hash',
}

test('each listed token is a user of its own with the one account', async () => {
  const provider = createStandaloneCredentials({ tokens: ['one', 'two'], credentials })

  expect(await provider.forUpload('one')).toEqual({ ...credentials, userId: hashToken('one') })
  expect((await provider.forRunningUpload('two')).userId).toBe(hashToken('two'))
  expect(await provider.forDownload('two')).toMatchObject({
    kind: 'login',
    messageId: null,
    credentials: { userId: hashToken('two') },
  })
})

test.each(['', 'on', 'onee', 'ONE', hashToken('one')])('the token %j is refused', async (token) => {
  const provider = createStandaloneCredentials({ tokens: ['one'], credentials })

  await expect(provider.forUpload(token)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
  await expect(provider.forDownload(token)).rejects.toMatchObject({ code: 'TOKEN_REFUSED' })
})
