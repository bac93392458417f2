import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { createAccount } from '../../../src/accounts.ts'
import type { TlObject } from '../../../src/types.ts'
import { type Caller, createCaller, type Fields } from '../../helpers/caller.ts'
import {
  channelPeer,
  getMessages,
  list,
  newFileId,
  object,
  postText,
  upload,
  uploadedMedia,
} from '../../helpers/posting.ts'

test('a forward shows its origin, and a forward of it the same origin', async () => {
  const { caller, source, target } = await twoChannels()
  const id = await postFile(caller, source, 'caption')
  const [original] = await getMessages(caller.user, source, [id])
  const origin = {
    _: 'messageFwdHeader',
    from_id: { _: 'peerChannel', channel_id: source.channel_id },
    date: original?.date,
    channel_post: id,
  }

  const answer = await forward(caller, { from_peer: source, to_peer: target, id: [id] })
  await forward(caller, { from_peer: target, to_peer: source, id: [2] })

  const [forwarded] = await getMessages(caller.user, target, [2])
  const [again] = await getMessages(caller.user, source, [id + 1])
  expect(forwarded).toMatchObject({ message: 'caption', fwd_from: origin })
  expect(again).toMatchObject({ message: 'caption', fwd_from: origin })
  const { chats } = object(answer.kind === 'result' ? answer.value : undefined)
  expect(list(chats).map((chat) => chat.id)).toEqual([target.channel_id, source.channel_id])
  const document = (message: TlObject | undefined) => object(object(message?.media).document)
  expect(document(forwarded).id).toBe(document(original).id)
})

test.each<[string, Fields, Fields]>([
  ['drop_author', { drop_author: true }, { message: 'caption', fwd_from: undefined }],
  ['drop_media_captions', { drop_media_captions: true }, { message: '', fwd_from: undefined }],
  ['silent', { silent: true }, { message: 'caption', silent: true }],
])('%s changes the forward', async (_name, fields, expected) => {
  const { caller, source, target } = await twoChannels()
  const id = await postFile(caller, source, 'caption')

  await forward(caller, { from_peer: source, to_peer: target, id: [id], ...fields })

  const [forwarded] = await getMessages(caller.user, target, [2])
  expect(forwarded).toMatchObject(expected)
})

test('a text is no caption: it stays when captions are dropped', async () => {
  const { caller, source, target } = await twoChannels()
  const id = await postText(caller.user, source, 'words')

  await forward(caller, {
    from_peer: source,
    to_peer: target,
    id: [id],
    drop_media_captions: true,
  })

  const [forwarded] = await getMessages(caller.user, target, [2])
  expect(forwarded).toMatchObject({ message: 'words' })
})

test('a forwarded album is an album of its own', async () => {
  const { caller, source, target } = await twoChannels()
  const ids = [await postFile(caller, source, 'a'), await postFile(caller, source, 'b')]
  const { messages } = caller.telegram.store
  for (const id of ids) {
    const message = messages.find(Number(source.channel_id), id)
    if (message) messages.edit({ ...message, details: { ...message.details, groupedId: 77n } })
  }

  await forward(caller, { from_peer: source, to_peer: target, id: ids })

  const groups = (await getMessages(caller.user, target, [2, 3])).map((found) => found.grouped_id)
  expect(new Set(groups).size).toBe(1)
  expect(groups[0]).not.toBe(77n)
  expect(groups[0]).toEqual(expect.any(BigInt))
})

test('messages that are gone are left out; the others keep their random ids', async () => {
  const { caller, source, target } = await twoChannels()
  const id = await postText(caller.user, source, 'words')

  const outcome = await forward(caller, {
    from_peer: source,
    to_peer: target,
    id: [1, id, 99],
    random_id: [11n, 12n, 13n],
  })

  expect(outcome).toMatchObject({
    value: { updates: [{ _: 'updateMessageID', id: 2, random_id: 12n }, {}, { pts: 3 }] },
  })
})

test.each<[string, Fields, number, string]>([
  ['no ids', { id: [], random_id: [] }, 400, 'MESSAGE_IDS_EMPTY'],
  ['fewer random ids', { random_id: [] }, 400, 'RANDOM_ID_INVALID'],
  ['101 ids', { id: Array(101).fill(2), random_id: Array(101).fill(5n) }, 400, 'MSG_IDS_INVALID'],
  ['only a service message', { id: [1] }, 400, 'MESSAGE_ID_INVALID'],
  ['a random id of 0', { random_id: [0n] }, 400, 'RANDOM_ID_EMPTY'],
  ['a later date', { schedule_date: 2_000_000_000 }, 400, 'SCHEDULE_DATE_TOO_LATE'],
  ['a private chat as its target', { to_peer: { _: 'inputPeerSelf' } }, 400, 'PEER_ID_INVALID'],
])('a forward with %s is refused', async (_name, fields, code, message) => {
  const { caller, source, target } = await twoChannels()
  const id = await postText(caller.user, source, 'words')

  const outcome = await forward(caller, {
    from_peer: source,
    to_peer: target,
    id: [id],
    random_id: [5n],
    ...fields,
  })

  expect(outcome).toEqual({ kind: 'error', code, message })
})

test('protected posts are not forwarded, and a bot may protect its forwards', async () => {
  const { caller, source } = await twoChannels()
  const bot = await caller.bot()
  const peer = { ...source, access_hash: 0n }
  const id = await postText(caller.user, source, 'words')
  const byBot = { from_peer: peer, to_peer: peer, random_id: [newFileId()], noforwards: true }

  await bot.invoke('messages.forwardMessages', { ...byBot, id: [id] })

  const [forwarded] = await getMessages(caller.user, source, [id + 1])
  expect(forwarded).toMatchObject({ noforwards: true })
  expect(await forward(caller, { from_peer: source, to_peer: source, id: [id + 1] })).toMatchObject(
    { code: 400, message: 'CHAT_FORWARDS_RESTRICTED' },
  )
})

test('a channel in which the account may not post takes no forwards', async () => {
  const { caller, source, target } = await twoChannels()
  const id = await postText(caller.user, source, 'words')
  const { userId: accountId } = caller.account
  const channelId = String(-1_000_000_000_000 - Number(target.channel_id))
  caller.actions.setRole({ channelId, accountId, role: 'member' })

  expect(await forward(caller, { from_peer: source, to_peer: target, id: [id] })).toMatchObject({
    code: 403,
    message: 'CHAT_WRITE_FORBIDDEN',
  })
})

/** The main account's channel, and another one in which it is an administrator. */
async function twoChannels(): Promise<{ caller: Caller; source: TlObject; target: TlObject }> {
  const caller = await createCaller()
  const { telegram, account, user } = caller
  const other = createAccount(telegram, { label: 'other' })
  const { channelId } = other
  caller.actions.setRole({ channelId, accountId: account.userId, role: 'admin' })
  return {
    caller,
    source: await channelPeer(caller, user),
    target: await channelPeer({ ...caller, account: other }, user),
  }
}

async function postFile({ user }: Caller, peer: TlObject, message: string): Promise<number> {
  const { updates } = await user.invoke('messages.sendMedia', {
    peer,
    media: uploadedMedia(await upload(user, randomBytes(10))),
    message,
    random_id: newFileId(),
  })
  return Number(list(updates)[0]?.id)
}

const forward = ({ user }: Caller, fields: Fields & { id: number[] }) =>
  user.call('messages.forwardMessages', { random_id: fields.id.map(newFileId), ...fields })
