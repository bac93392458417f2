import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { nowSeconds } from '../../../src/lib/clock.ts'
import type { TlObject } from '../../../src/types.ts'
import { type Caller, createCaller, type Fields } from '../../helpers/caller.ts'
import { channelPeer, list, post, postText } from '../../helpers/posting.ts'

test.each<[string, (caller: Caller, peer: TlObject) => Fields, number[]]>([
  ['everything', () => ({}), [2, 1]],
  ['posts of the channel', (_caller, peer) => ({ from_id: peer }), [2, 1]],
  ['posts of a person', () => ({ from_id: { _: 'inputPeerSelf' } }), []],
  ['messages with a reaction', () => ({ saved_reaction: [] }), []],
  ['messages newer than tomorrow', () => ({ min_date: nowSeconds() + 86_400 }), []],
  ['messages older than tomorrow', () => ({ max_date: nowSeconds() + 86_400 }), [2, 1]],
  ['messages older than yesterday', () => ({ max_date: nowSeconds() - 86_400 }), []],
])('a search for %s', async (_name, fieldsOf, ids) => {
  const caller = await createCaller()
  const { peer } = await post(caller, randomBytes(10))

  const found = await caller.user.invoke('messages.search', {
    ...SEARCH,
    peer,
    ...fieldsOf(caller, peer),
  })

  expect(list(found.messages).map(({ id }) => id)).toEqual(ids)
})

test.each<[string, string[]]>([
  ['#telestore', ['one #telestore line', 'in #TeleStore, with a comma']],
  ['#tele', []],
  [
    'telestore',
    [
      'telestore without its sign',
      'in #TeleStore, with a comma',
      '#telestores',
      'x#telestore',
      'one #telestore line',
    ],
  ],
])('a search for %s finds hashtags as whole words', async (q, expected) => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const texts = [
    'one #telestore line',
    'x#telestore',
    '#telestores',
    'in #TeleStore, with a comma',
    'telestore without its sign',
  ]
  for (const text of texts) await postText(caller.user, peer, text)

  const found = await caller.user.invoke('messages.search', { ...SEARCH, peer, q })

  const messages = list(found.messages).map(({ message }) => message)
  expect(messages.sort()).toEqual(expected.sort())
  expect(found.count).toBe(expected.length)
})

test.each<[string, Fields, string]>([
  ['a thread', { top_msg_id: 1 }, 'MSG_ID_INVALID'],
  ['a chat inside', { saved_peer_id: { _: 'inputPeerSelf' } }, 'PEER_ID_INVALID'],
  ['posts of no peer', { from_id: { _: 'inputPeerEmpty' } }, 'FROM_PEER_INVALID'],
])('a search in %s is refused', async (_name, fields, message) => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)

  const outcome = await caller.user.call('messages.search', { ...SEARCH, peer, ...fields })

  expect(outcome).toEqual({ kind: 'error', code: 400, message })
})

const SEARCH = {
  q: '',
  filter: { _: 'inputMessagesFilterEmpty' },
  min_date: 0,
  max_date: 0,
  offset_id: 0,
  add_offset: 0,
  limit: 100,
  max_id: 0,
  min_id: 0,
  hash: 0n,
}
