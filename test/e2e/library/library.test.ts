import { randomBytes } from 'node:crypto'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test, vi } from 'vitest'
import { postJson, uploadFile } from '../../helpers/callers/client.ts'
import { makePicture } from '../../helpers/jpeg.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startTeleStore, type TeleStore } from '../../helpers/worker/telestore.ts'

const BARE = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }

test('after the loss of the ledger the whole library is found again in the channel', async () => {
  const telegram = await startTelegram()
  const first = await startTeleStore({ telegram })
  const names = ['film.mp4', 'Übersicht – отчёт.pdf', 'small.txt']
  for (const name of names) {
    await uploadFile(first.url, name, randomBytes(1000), { token: 'main' })
  }
  await postAsAnotherClient(first, 'theirs.zip')
  const known = await settled(first)
  expect(known.items.map(({ fileName }) => fileName).sort()).toEqual(
    [...names, 'theirs.zip'].sort(),
  )
  await first.close()

  // A folder of data that is empty.
  const second = await startTeleStore({ telegram, dataDir: await makeTempDir() })
  const found = await settled(second)

  const told = ({ items }: Listing) =>
    items.map(({ messageId, fileName, size, createdAt }) => ({
      ...{ messageId, fileName, size, createdAt },
    }))
  expect(told(found)).toEqual(told(known))
})

test('a library answers at once while Telegram does not', async () => {
  const store = await startTeleStore()
  await uploadFile(store.url, 'a.bin', randomBytes(10), { token: 'main' })
  const methods = ['channels.*', 'messages.*', 'updates.*', 'users.*', 'help.*']
  for (const method of methods) store.telegram.faults.add({ method, effect: { kind: 'silence' } })

  const { items, sync } = await list(store)

  // Seconds would have to pass before the worker gives an answer up.
  expect(items).toMatchObject([{ fileName: 'a.bin', postedBy: 'telestore' }])
  expect(sync.state).toBe('scanning')
})

test('the library of a bot without an API id is what was posted from here', async () => {
  const store = await startTeleStore()
  const account = store.telegram.createAccount({ label: 'bob', withUser: false })
  store.addUser('bob', account, BARE)
  await uploadFile(store.url, 'ours.bin', randomBytes(10), { token: 'bob' })
  await postAsAnotherClient({ ...store, account }, 'theirs.bin')

  const { items, sync } = await list(store, 'bob')

  expect(items.map(({ fileName }) => fileName)).toEqual(['ours.bin'])
  expect(sync).toEqual({ state: 'unavailable', seen: 0, total: null, at: null })
})

test('a bot without an API id shows the thumbnails of what was posted from here, and of copies', async () => {
  const store = await startTeleStore()
  store.addUser('bob', store.telegram.createAccount({ label: 'bob', withUser: false }), BARE)
  const headers = { authorization: 'Bearer bob' }
  const picture = makePicture(320, 180, 20_000)
  const form = new FormData()
  form.append('file', new Blob(['bytes']), 'a.jpg')
  form.append('thumbnail', new Blob([Uint8Array.from(picture)]), 't.jpg')

  const sent = await fetch(`${store.url}/upload`, { method: 'POST', headers, body: form })
  const { messageId } = await sent.json()
  await postJson(`${store.url}/library/copy`, { items: [messageId], folder: '/copies' }, headers)

  const { items } = await vi.waitFor(async () => {
    const listed = await list(store, 'bob')
    expect(listed.items).toHaveLength(2)
    return listed
  })
  for (const { messageId: id } of items) {
    const answer = await fetch(`${store.url}/library/${id}/thumbnail`, { headers })
    expect(Buffer.from(await answer.arrayBuffer()).equals(picture)).toBe(true)
  }
  expect(items).toMatchObject([{ verified: true }, { verified: true }])
})

test('what a look has found is told over the socket and counted', async () => {
  const store = await startTeleStore()
  await settled(store)
  const socket = new WebSocket(`${store.url.replace('http', 'ws')}/ws/main?token=main`)
  const events: string[] = []
  socket.addEventListener('message', ({ data }) => void events.push(JSON.parse(data).type))
  await vi.waitFor(() => expect(socket.readyState).toBe(WebSocket.OPEN))
  await postAsAnotherClient(store, 'theirs.bin')

  const init = { method: 'POST', headers: { authorization: 'Bearer main' } }
  expect((await fetch(`${store.url}/library/rescan`, init)).status).toBe(202)

  await vi.waitFor(() => expect(events).toContain('library_changed'))
  socket.close()
  const metrics = await fetch(`${store.url}/metrics`, { headers: { accept: 'text/plain' } })
  expect(await metrics.text()).toMatch(/^telestore_library_looks_total\{outcome="\w+"\} [12]$/m)
})

interface Listing {
  items: {
    messageId: number
    fileName: string
    size: number
    createdAt: string
    postedBy: string
    verified: boolean
  }[]
  sync: { state: string; seen: number; total: number | null; at: string | null }
}

async function list({ url }: Pick<TeleStore, 'url'>, token = 'main'): Promise<Listing> {
  const headers = { authorization: `Bearer ${token}` }
  const answer = await fetch(`${url}/library?recursive=true&sort=date`, { headers })
  expect(answer.status).toBe(200)
  return answer.json()
}

/** The library once it agrees with its channel. */
async function settled(store: Pick<TeleStore, 'url'>): Promise<Listing> {
  return vi.waitFor(
    async () => {
      const listing = await list(store)
      expect(listing.sync.state).toBe('current')
      return listing
    },
    { timeout: 30_000, interval: 50 },
  )
}

async function postAsAnotherClient(
  {
    telegram,
    account = telegram.account,
  }: Pick<TeleStore, 'telegram'> & {
    account?: TeleStore['telegram']['account']
  },
  filename: string,
): Promise<void> {
  const api = new Api(account.botToken ?? '', { apiRoot: telegram.botApi.root, maxRetries: 0 })
  const document = new InputFile(randomBytes(20), { filename })
  await api.sendDocument({ chat_id: account.channelId, document })
}
