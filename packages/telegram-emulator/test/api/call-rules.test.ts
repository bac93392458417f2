import { expect, test } from 'vitest'
import type { TlObject } from '../../src/types.ts'
import { createCaller, introductionOf } from '../helpers/caller.ts'
import { connectMtcute } from '../helpers/mtcute-client.ts'
import { startTelegram } from '../helpers/telegram.ts'

const refused = (message: string, code = 400) => ({ kind: 'error', code, message })
const WELCOME = { kind: 'result' }

test('a call without initConnection gets CONNECTION_NOT_INITED', async () => {
  const { user } = await createCaller()

  expect(await user.call('help.getConfig', {}, [])).toEqual(refused('CONNECTION_NOT_INITED'))
  expect(await user.call('updates.getState', {}, [])).toEqual(refused('CONNECTION_NOT_INITED'))
  expect(await user.call('help.getConfig')).toMatchObject(WELCOME)
  expect(await user.call('updates.getState', {}, [])).toMatchObject(WELCOME)
})

test.each([
  ['another api_id', { api_id: 1 }, 'CONNECTION_API_ID_INVALID'],
  ['no device', { device_model: '' }, 'CONNECTION_DEVICE_MODEL_EMPTY'],
  ['no system', { system_version: '' }, 'CONNECTION_SYSTEM_EMPTY'],
  ['no version', { app_version: '' }, 'CONNECTION_APP_VERSION_EMPTY'],
  ['no system language', { system_lang_code: '' }, 'CONNECTION_SYSTEM_LANG_CODE_EMPTY'],
  ['a language pack of its own', { lang_pack: 'mine' }, 'CONNECTION_LANG_PACK_INVALID'],
])(
  'initConnection with %s is refused, and later calls still need one',
  async (_name, changes, message) => {
    const { user, account } = await createCaller()

    const outcome = await user.call('help.getConfig', {}, introductionOf(account.apiId, changes))

    expect(outcome).toEqual(refused(message))
    expect(await user.call('help.getConfig', {}, [])).toEqual(refused('CONNECTION_NOT_INITED'))
  },
)

test('initConnection without a layer is refused the first time', async () => {
  const { user, account } = await createCaller()
  const [, initConnection] = introductionOf(account.apiId)
  const wrappers = [initConnection as TlObject]

  expect(await user.call('help.getConfig', {}, wrappers)).toEqual(
    refused('CONNECTION_LAYER_INVALID'),
  )
  await user.invoke('help.getConfig')
  expect(await user.call('help.getConfig', {}, wrappers)).toMatchObject(WELCOME)
})

test('an introduction is kept with its key: another key and a bound one need their own', async () => {
  const caller = await createCaller()
  const { user, telegram, handler } = caller
  const other = caller.open(telegram.store.keys.create(2).id)
  await user.invoke('help.getConfig')

  expect(await other.call('help.getConfig', {}, [])).toEqual(refused('CONNECTION_NOT_INITED'))
  handler.keyBound?.(caller.account.authKeyId ?? '')
  expect(await user.call('help.getConfig', {}, [])).toEqual(refused('CONNECTION_NOT_INITED'))
})

test('with strict sessions each session introduces itself', async () => {
  const caller = await createCaller({ strictSessions: true })
  const { handler, user, account } = caller
  await user.invoke('help.getConfig')
  const call = {
    method: { _: 'help.getConfig' },
    authKeyId: account.authKeyId ?? '',
    usedKeyId: account.authKeyId ?? '',
    layer: 198,
    connection: user.connection,
    push: () => true,
  }

  const again = await handler.call({ ...call, sessionId: String(user.connection.id), wrappers: [] })
  const restarted = await handler.call({ ...call, sessionId: 'another', wrappers: [] })

  expect(again).toMatchObject(WELCOME)
  expect(restarted).toEqual(refused('CONNECTION_NOT_INITED'))
})

test.each([
  ['invokeWithTakeout', refused('TAKEOUT_INVALID')],
  ['invokeWithMessagesRange', refused('TAKEOUT_REQUIRED', 403)],
  ['invokeWithBusinessConnection', refused('BUSINESS_CONNECTION_INVALID')],
  ['invokeWithoutUpdates', { kind: 'result' }],
])('a call wrapped in %s', async (wrapper, outcome) => {
  const { user, account } = await createCaller()
  const wrappers = [...introductionOf(account.apiId), { _: wrapper }]

  expect(await user.call('updates.getState', {}, wrappers)).toMatchObject(outcome)
})

test.each([
  'messages.getDialogs',
  'messages.uploadMedia',
  'messages.sendMedia',
  'messages.getHistory',
  'channels.getMessages',
  'users.getUsers',
  'updates.getState',
  'auth.exportAuthorization',
  'auth.importBotAuthorization',
])('%s is not served on a media-only address', async (method) => {
  const caller = await createCaller()
  const media = caller.open(undefined, { mediaOnly: true })

  expect(await media.call(method)).toEqual(refused('METHOD_INVALID'))
})

test.each(['help.getConfig', 'help.getNearestDc', 'help.getAppConfig', 'help.getCdnConfig'])(
  '%s is',
  async (method) => {
    const caller = await createCaller()
    const media = caller.open(undefined, { mediaOnly: true })

    expect(await media.call(method)).toMatchObject(WELCOME)
  },
)

test('the CDN serves its own method and no other; elsewhere it is unknown', async () => {
  const caller = await createCaller()
  const cdn = caller.open(caller.telegram.store.keys.create(203).id, { dcId: 203 })

  expect(await cdn.call('upload.getFile')).toEqual(refused('CDN_METHOD_INVALID'))
  expect(await cdn.call('help.getAppConfig')).toEqual(refused('CDN_METHOD_INVALID'))
  expect(await caller.user.call('upload.getCdnFile')).toEqual(refused('UNKNOWN_METHOD', 500))
})

test('on the wire, a stock client with another api_id is turned away', async () => {
  const telegram = await startTelegram()
  const { mtproto, account } = telegram
  const client = await connectMtcute({ mtproto, account: { ...account, apiId: 1 } })

  await expect(client.call({ _: 'help.getConfig' })).rejects.toMatchObject({
    text: 'CONNECTION_API_ID_INVALID',
  })
})
