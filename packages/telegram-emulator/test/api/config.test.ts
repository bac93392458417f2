import { addPublicKey } from '@mtcute/core/utils.js'
import { MemoryStorage, TelegramClient } from '@mtcute/node'
import { NodeCryptoProvider } from '@mtcute/node/utils.js'
import { expect, onTestFinished, test } from 'vitest'
import { makeRsaKey } from '../../src/mtproto/handshake/rsa.ts'
import { createCaller } from '../helpers/caller.ts'
import { connectMtcute } from '../helpers/mtcute-client.ts'
import { list, object } from '../helpers/posting.ts'
import { startTelegram } from '../helpers/telegram.ts'

test('the real addresses stand among decoys that their flags give away', async () => {
  const telegram = await startTelegram()
  const client = await connectMtcute(telegram)

  const { dcOptions, thisDc } = await client.call({ _: 'help.getConfig' })

  const usable = dcOptions.filter(({ ipv6, tcpoOnly, cdn }) => !ipv6 && !tcpoOnly && !cdn)
  const ports = (id: number, media: boolean): number[] =>
    usable.filter((dc) => dc.id === id && (dc.mediaOnly ?? false) === media).map(({ port }) => port)
  const [main, media, otherMain, otherMedia, cdn] = telegram.addresses.map(({ port }) => port)
  expect(thisDc).toBe(2)
  expect([ports(2, false), ports(4, false)]).toEqual([[main], [otherMain]])
  // One of the media-only addresses is dead.
  expect([ports(2, true), ports(4, true)]).toEqual([
    [media, 1],
    [otherMedia, 1],
  ])
  expect(dcOptions.filter((option) => option.cdn)).toMatchObject([{ id: 203, port: cdn }])
  expect(dcOptions.length - usable.length).toBe(9)
})

test('media-only addresses can be kept back', async () => {
  const telegram = await startTelegram({ settings: { mediaAddresses: false } })
  const client = await connectMtcute(telegram)

  const { dcOptions } = await client.call({ _: 'help.getConfig' })

  expect(
    dcOptions.filter(({ mediaOnly, tcpoOnly, ipv6 }) => mediaOnly && !tcpoOnly && !ipv6),
  ).toEqual([])
})

test('the CDN has a key of its own, which help.getCdnConfig gives', async () => {
  const telegram = await startTelegram({ makeKey: makeRsaKey })
  const client = await connectMtcute(telegram)
  await client.start({ botToken: telegram.account.botToken ?? '' })
  const { publicKeys } = await client.call({ _: 'help.getCdnConfig' })
  const [key] = publicKeys
  const cdn = telegram.addresses.find((address) => address.cdn)
  if (!key || !cdn) throw new Error('there is no CDN')

  const guest = await connectTo({
    id: key.dcId,
    port: cdn.port,
    publicKey: key.publicKey,
    apiId: telegram.account.apiId,
  })

  expect(key.publicKey).not.toBe(telegram.mtproto.publicKeyPem)
  await expect(
    guest.call({ _: 'upload.getCdnFile', fileToken: new Uint8Array(16), offset: 0, limit: 4096 }),
  ).rejects.toMatchObject({ text: 'FILE_TOKEN_INVALID' })
  await expect(guest.call({ _: 'updates.getState' })).rejects.toMatchObject({
    text: 'CDN_METHOD_INVALID',
  })
})

test('help.getAppConfig gives the number of parts that an account may send', async () => {
  const { user } = await createCaller({ maxParts: 10 })

  const { config } = await user.invoke('help.getAppConfig', { hash: 0 })

  const numbers = list(object(config).value).map(({ key, value }) => [key, object(value).value])
  expect(Object.fromEntries(numbers)).toMatchObject({
    upload_max_fileparts_default: 10,
    upload_max_fileparts_premium: 8000,
  })
})

async function connectTo(dc: { id: number; port: number; publicKey: string; apiId: number }) {
  const crypto = new NodeCryptoProvider()
  await crypto.initialize()
  addPublicKey(crypto, dc.publicKey)
  const main = { id: dc.id, ipAddress: '127.0.0.1', port: dc.port }
  const client = new TelegramClient({
    apiId: dc.apiId,
    apiHash: 'hash',
    crypto,
    storage: new MemoryStorage(),
    disableUpdates: true,
    defaultDcs: { main, media: main },
    logLevel: 0,
  })
  onTestFinished(() => client.destroy())
  return client
}
