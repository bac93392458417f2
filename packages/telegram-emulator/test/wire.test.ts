import { randomBytes } from 'node:crypto'
import { Api as GramjsApi } from 'telegram'
import { expect, test, vi } from 'vitest'
import type { Emulator } from '../src/emulator.ts'
import { MiB } from '../src/lib/units.ts'
import { connectGramjs, FOR_GRAMJS } from './helpers/gramjs-client.ts'
import { connectMtcute } from './helpers/mtcute-client.ts'
import { startTelegram } from './helpers/telegram.ts'

test('mtcute follows a document to the other data centre, with a key and a login made there', async () => {
  const telegram = await startTelegram()
  const content = randomBytes(3 * MiB)
  const { client, media } = await postByMtcute(telegram, content)
  telegram.faults.migrateDocuments(4)

  const downloaded = await client.downloadAsBuffer(media)

  expect(Buffer.compare(downloaded, content)).toBe(0)
  const { authorizations, methods } = telegram.counters.read()
  expect(authorizations).toEqual({ bot: 1, exported: 1, imported: 1 })
  expect(Object.keys(methods['upload.getFile']?.byAddress ?? {})).toContain('4 media')
})

test('two clients on one session kill it', async () => {
  // However long a busy machine takes from one to the other, it is at the same time.
  const telegram = await startTelegram({
    settings: { ...FOR_GRAMJS.settings, duplicateWindowMs: 3_600_000 },
  })
  const [first, second] = [await connectGramjs(telegram), await connectGramjs(telegram)]
  await first.invoke(new GramjsApi.updates.GetState())

  await expect(second.invoke(new GramjsApi.updates.GetState())).rejects.toMatchObject({
    code: 406,
    errorMessage: 'AUTH_KEY_DUPLICATED',
  })

  expect(telegram.counters.read().keysKilled).toBe(1)
})

test('a client comes back after its connection was cut, and the key lives', async () => {
  const telegram = await startTelegram()
  const client = await connectMtcute(telegram)
  await client.start({ botToken: telegram.account.botToken ?? '' })

  for (let round = 0; round < 3; round++) {
    expect(telegram.faults.cutConnections()).toBeGreaterThan(0)
    await vi.waitFor(() => client.call({ _: 'updates.getState' }))
  }

  const { keysKilled, mainConnectionsPeak } = telegram.counters.read()
  expect(keysKilled).toBe(0)
  expect(Object.values(mainConnectionsPeak)).toEqual([1])
})

test('a client with temporary keys introduces itself anew once it has bound one', async () => {
  const telegram = await startTelegram()
  const client = await connectMtcute(telegram, { usePfs: true })

  await client.start({ botToken: telegram.account.botToken ?? '' })

  expect(await client.getMe()).toMatchObject({ id: telegram.account.botId })
})

test('bandwidth per connection bounds how fast bytes come', async () => {
  const telegram = await startTelegram()
  const content = randomBytes(2 * MiB)
  const { client, media } = await postByMtcute(telegram, content)
  telegram.settings.change({ bandwidthPerConnection: MiB })
  const start = performance.now()

  await client.downloadAsBuffer(media)

  // Two connections at 1 MB/s, and a first burst that costs nothing.
  expect(performance.now() - start).toBeGreaterThan(400)
})

async function postByMtcute(telegram: Emulator, content: Buffer) {
  const client = await connectMtcute(telegram)
  await client.start({ botToken: telegram.account.botToken ?? '' })
  const file = await client.uploadFile({ file: content, fileName: 'a.bin' })
  const channelId = Number(telegram.account.channelId)
  const { media } = await client.sendMedia(channelId, { type: 'document', file })
  if (media?.type !== 'document') throw new Error('the message has no document')
  return { client, media }
}
