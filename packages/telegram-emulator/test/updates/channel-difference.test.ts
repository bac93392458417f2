import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { EmulatorSettings } from '../../src/settings.ts'
import type { TlObject } from '../../src/types.ts'
import { type Caller, createCaller, type Fields } from '../helpers/caller.ts'
import { channelPeer, list, object, post, postText, toInputChannel } from '../helpers/posting.ts'

test('an unchanged channel has no difference', async () => {
  const { difference } = await start()

  expect(await difference(2)).toMatchObject({
    _: 'updates.channelDifferenceEmpty',
    final: true,
    pts: 2,
  })
})

test('a difference has new messages, edits and deletes in their order, each with its pts', async () => {
  const { caller, peer, difference } = await start()
  const old = await postText(caller.user, peer, 'old')
  const { id: file } = await post(caller, randomBytes(10))
  await caller.user.invoke('messages.editMessage', { peer, id: old, message: 'edited' })
  await remove(caller, peer, [file, old])
  const last = await postText(caller.user, peer, 'last')

  // Pts 3: the text; 4: the file; 5: the edit; 7: both deleted; 8: the last text.
  expect(await difference(4)).toMatchObject({
    _: 'updates.channelDifference',
    final: true,
    pts: 8,
    new_messages: [{ id: last, message: 'last' }],
    other_updates: [
      { _: 'updateDeleteChannelMessages', messages: [file, old], pts: 7, pts_count: 2 },
    ],
  })
})

test('messages come as they are now, and an edited one once', async () => {
  const { caller, peer, difference } = await start()
  const id = await postText(caller.user, peer, 'first')
  const edit = (message: string) =>
    caller.user.invoke('messages.editMessage', { peer, id, message })
  await edit('second')
  await edit('third')

  expect(await difference(2)).toMatchObject({
    new_messages: [{ id, message: 'third' }],
    other_updates: [],
  })
  expect(await difference(3)).toMatchObject({
    new_messages: [],
    other_updates: [
      { _: 'updateEditChannelMessage', message: { id, message: 'third' }, pts: 5, pts_count: 1 },
    ],
  })
})

test('a long difference comes in slices, each from the pts of the one before', async () => {
  const { caller, peer, difference } = await start()
  for (let n = 0; n < 5; n++) await postText(caller.user, peer, `text ${n}`)

  const slices: TlObject[] = []
  for (let pts = 2; ; ) {
    const slice = await difference(pts, { limit: 2 })
    slices.push(slice)
    pts = Number(slice.pts)
    if (slice.final === true) break
  }

  expect(slices.map(({ pts, final }) => [pts, final])).toEqual([
    [4, false],
    [6, false],
    [7, true],
  ])
  const ids = slices.flatMap(({ new_messages }) => list(new_messages).map(({ id }) => id))
  expect(ids).toEqual([2, 3, 4, 5, 6])
})

test('the log is bounded: a client that asks for older changes has to read the channel again', async () => {
  const { caller, peer, difference } = await start({ changeLogLength: 3 })
  for (let n = 0; n < 5; n++) await postText(caller.user, peer, `text ${n}`)

  expect(await difference(3)).toMatchObject({
    _: 'updates.channelDifferenceTooLong',
    dialog: { pts: 7, top_message: 6 },
    messages: [{ id: 6 }],
  })
  expect(await difference(4)).toMatchObject({ _: 'updates.channelDifference', pts: 7 })
})

test('the creation of the channel is its first change', async () => {
  const { difference } = await start()

  expect(await difference(1)).toMatchObject({ new_messages: [{ _: 'messageService', id: 1 }] })
})

test('a filter of ranges lets pass only the messages inside them', async () => {
  const { caller, peer, difference } = await start()
  for (let n = 0; n < 3; n++) await postText(caller.user, peer, `text ${n}`)
  const ranges = [{ _: 'messageRange', min_id: 3, max_id: 4 }]
  const filter = { _: 'channelMessagesFilter', ranges }

  const some = await difference(2, { filter })
  const none = await difference(2, { filter: { ...filter, exclude_new_messages: true } })

  expect(list(some.new_messages).map(({ id }) => id)).toEqual([3, 4])
  expect(none).toMatchObject({ pts: 5, new_messages: [] })
})

test.each([
  [0, 'PERSISTENT_TIMESTAMP_EMPTY'],
  [-1, 'PERSISTENT_TIMESTAMP_INVALID'],
  [3, 'PERSISTENT_TIMESTAMP_INVALID'],
])('pts %i is refused', async (pts, message) => {
  const { difference } = await start()

  await expect(difference(pts)).rejects.toThrow(`400 ${message}`)
})

test('a delete answers with the pts that it leads to; without messages pts stays', async () => {
  const { caller, peer } = await start()
  const ids = [await postText(caller.user, peer, 'a'), await postText(caller.user, peer, 'b')]

  expect(await remove(caller, peer, [...ids, ids[0] ?? 0, 99])).toMatchObject({
    _: 'messages.affectedMessages',
    pts: 6,
    pts_count: 2,
  })
  expect(await remove(caller, peer, ids)).toMatchObject({ pts: 6, pts_count: 0 })
  expect(await caller.user.invoke('messages.deleteMessages', { id: ids })).toMatchObject({
    pts_count: 0,
  })
})

async function start(settings: Partial<EmulatorSettings> = {}) {
  const caller = await createCaller(settings)
  const peer = await channelPeer(caller, caller.user)
  const difference = (pts: number, fields: Fields = {}): Promise<TlObject> =>
    caller.user.invoke('updates.getChannelDifference', {
      channel: toInputChannel(peer),
      filter: { _: 'channelMessagesFilterEmpty' },
      pts,
      limit: 100,
      ...fields,
    })
  return { caller, peer: object(peer), difference }
}

const remove = ({ user }: Caller, peer: TlObject, id: number[]): Promise<TlObject> =>
  user.invoke('channels.deleteMessages', { channel: toInputChannel(peer), id })
