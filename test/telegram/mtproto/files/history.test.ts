import { expect, test, vi } from 'vitest'
import type { Account } from '../../../../src/telegram/mtproto/account/account.ts'
import { loadCipher } from '../../../../src/telegram/mtproto/connection/encryption/cipher.ts'
import { loadGramjs } from '../../../../src/telegram/mtproto/connection/gramjs.ts'
import { findMessage } from '../../../../src/telegram/mtproto/files/history.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'

const NEWEST = { id: 5_000, date: 1_762_700_000 }

test('a lost file is not looked for among messages that are older than its transfer', async () => {
  const { reading, asked } = openChannel()
  const isWanted = vi.fn(() => false)

  const found = await findMessage(reading, { after: 0, since: NEWEST.date - 9 }, isWanted)

  expect(found).toBeNull()
  expect(asked()).toBe(1)
})

/** A channel with a message a second, as its user reads it. */
function openChannel() {
  const gramjs = loadGramjs(createRecordingLog(), loadCipher({ native: true }))
  const { Api, toLong } = gramjs
  const peerId = new Api.PeerChannel({ channelId: toLong('1') })
  let asked = 0
  const call = async ({ offsetId }: { offsetId: number }) => {
    asked++
    const first = (offsetId || NEWEST.id + 1) - 1
    const messages = Array.from({ length: 100 }, (_, back) => {
      const id = first - back
      return new Api.Message({ id, date: NEWEST.date - (NEWEST.id - id), peerId, message: '' })
    })
    return new Api.messages.Messages({ messages, chats: [], users: [] })
  }
  const account = { kind: 'user', gramjs, call } as unknown as Account
  const options = { signal: new AbortController().signal }
  return {
    reading: { account, channel: { id: '1', accessHash: '1' }, options },
    asked: () => asked,
  }
}
