import { expect, test } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import { type ApiClient, type Caller, createCaller } from '../helpers/caller.ts'
import { list, object } from '../helpers/posting.ts'

test('a channel on the third page of the archive is found by paging, and only there', async () => {
  const caller = await createCaller()
  const { client, channelId } = makeHidden(caller)

  const main = await readFolder(client, 0)
  const archive = await readFolder(client, 1)

  expect(main.ids).toHaveLength(3)
  expect(archive.pages).toEqual([100, 100, 51])
  expect(new Set(archive.ids).size).toBe(251)
  expect(archive.ids.indexOf(channelId)).toBe(250)
})

test('without a folder every dialog is listed, and pages hold a hundred at most', async () => {
  const caller = await createCaller()
  const { client } = makeHidden(caller)

  const { pages, ids } = await readFolder(client, undefined, 1000)

  expect(pages).toEqual([100, 100, 54])
  expect(new Set(ids).size).toBe(254)
})

test('a short list comes whole', async () => {
  const caller = await createCaller()

  const dialogs = await caller.user.invoke('messages.getDialogs', { ...FIRST_PAGE, limit: 20 })

  expect(dialogs._).toBe('messages.dialogs')
  expect(list(dialogs.chats)).toMatchObject([{ title: 'main files', creator: true }])
})

test('the same label finds the same account', async () => {
  const { telegram, account } = await createCaller()

  expect(createAccount(telegram, { label: 'main' })).toEqual(account)
  expect(createAccount(telegram, { label: 'other' }).channelId).not.toBe(account.channelId)
})

const FIRST_PAGE = {
  offset_date: 0,
  offset_id: 0,
  offset_peer: { _: 'inputPeerEmpty' },
  limit: 100,
  hash: 0n,
}

function makeHidden(caller: Caller): { client: ApiClient; channelId: bigint } {
  const account = createAccount(caller.telegram, {
    label: 'hidden',
    channelPosition: { dialogsBefore: 250, archived: true },
  })
  const channelId = BigInt(-1_000_000_000_000 - Number(account.channelId))
  return { client: caller.open(account.authKeyId ?? ''), channelId }
}

/** Pages as clients do: the next page begins after the last dialog of this one. */
async function readFolder(
  client: ApiClient,
  folderId: number | undefined,
  limit = 100,
): Promise<{ pages: number[]; ids: bigint[] }> {
  const pages: number[] = []
  const ids: bigint[] = []
  let page = { ...FIRST_PAGE, folder_id: folderId, limit }
  for (;;) {
    const found = await client.invoke('messages.getDialogs', page)
    const dialogs = list(found.dialogs)
    if (dialogs.length === 0) break
    pages.push(dialogs.length)
    ids.push(...dialogs.map(({ peer }) => BigInt(String(object(peer).channel_id))))
    if (found._ === 'messages.dialogs') break
    const top = list(found.messages).at(-1)
    const chat = list(found.chats).at(-1)
    page = {
      ...page,
      offset_date: Number(top?.date),
      offset_id: Number(top?.id),
      offset_peer: {
        _: 'inputPeerChannel',
        channel_id: chat?.id,
        access_hash: chat?.access_hash,
      } as typeof page.offset_peer,
    }
  }
  return { pages, ids }
}
