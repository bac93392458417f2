import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import {
  completeAndPoll,
  downloadUrl,
  postJson,
  sendChunks,
  sha256,
  uploadFile,
} from '../../helpers/callers/client.ts'
import { makePicture } from '../../helpers/jpeg.ts'
import { createPoster } from '../../helpers/peers/large-file.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startTeleStore, type TeleStore } from '../../helpers/worker/telestore.ts'

const VOLUME = 100 * KiB
const MAIN = { authorization: 'Bearer main' }

interface Item {
  messageId: number
  fileName: string
  folder: string
  size: number
  volumes: number
  sha256: string
  mimeType: string
  modifiedAt: string | null
  verified: boolean
}

async function settled({ url }: TeleStore, token = 'main'): Promise<Item[]> {
  const headers = { authorization: `Bearer ${token}` }
  return vi.waitFor(
    async () => {
      const answer = await fetch(`${url}/library?recursive=true`, { headers })
      const { items, sync } = await answer.json()
      expect(sync.state).toBe('current')
      return items
    },
    { timeout: 30_000 },
  )
}

async function bytesOf({ url }: TeleStore, messageId: number): Promise<Buffer> {
  const answer = await fetch(downloadUrl(url, messageId, 'main'))
  expect(answer.status).toBe(200)
  return Buffer.from(await answer.arrayBuffer())
}

test('an empty ledger finds three large files again, with all that is known of them', async () => {
  const telegram = await startTelegram()
  const post = createPoster(telegram)
  const folderId = randomBytes(16).toString('hex')
  await post.text(`#telestore v=1 id=${folderId} kind=folder name=Films`)
  const files = [
    await post.postLargeFile({ bytes: randomBytes(2 * VOLUME + 5), volumeBytes: VOLUME }),
    await post.postLargeFile({ name: 'b.mkv', volumeBytes: VOLUME, folderId, modifiedAt: 1000 }),
    await post.postLargeFile({ name: 'c d.zip', volumeBytes: 300 * KiB }),
  ]
  const store = await startTeleStore({ telegram, dataDir: await makeTempDir() })

  const items = await settled(store)

  expect(items).toHaveLength(3)
  for (const { messageId, bytes, manifest } of files) {
    const item = items.find((one) => one.messageId === messageId)
    expect(item).toMatchObject({
      ...{ fileName: manifest.name, size: bytes.length, sha256: sha256(bytes) },
      volumes: manifest.volumes.length,
    })
    expect((await bytesOf(store, messageId)).equals(bytes)).toBe(true)
  }
  const second = items.find(({ fileName }) => fileName === 'b.mkv')
  expect(second).toMatchObject({
    ...{ folder: '/Films', mimeType: 'video/x-matroska', modifiedAt: '1970-01-01T00:00:01.000Z' },
  })
})

test('a rescan posts a lost manifest anew, and lists what is left over', async () => {
  const store = await startTeleStore()
  const post = createPoster(store.telegram)
  const file = await post.postLargeFile({ volumeBytes: VOLUME })
  const other = await post.postLargeFile({ volumeBytes: VOLUME, name: 'other.bin' })
  expect(await settled(store)).toHaveLength(2)
  await post.remove(file.messageId, other.messageId, other.manifest.volumes[0]?.messageId ?? 0)

  await vi.waitFor(
    async () => {
      await postJson(`${store.url}/library/rescan`, {}, MAIN)
      const found = (await settled(store)).find(({ fileName }) => fileName === 'film.mp4')
      expect(found && found.messageId > other.messageId).toBe(true)
    },
    { timeout: 60_000, interval: 2_000 },
  )

  const items = await settled(store)
  expect(items).toMatchObject([
    { fileName: 'film.mp4', size: file.bytes.length, sha256: sha256(file.bytes) },
  ])
  expect((await bytesOf(store, items[0]?.messageId ?? 0)).equals(file.bytes)).toBe(true)
  const left = await (await fetch(`${store.url}/library/leftovers`, { headers: MAIN })).json()
  const [, ...rest] = other.manifest.volumes
  expect(left.items).toMatchObject([
    {
      ...{ fileName: 'other.bin', volumes: rest.length, of: rest.length + 1 },
      messageIds: rest.map(({ messageId }) => messageId),
    },
  ])
})

test('a large file is renamed, copied and deleted in Telegram', async () => {
  const store = await startTeleStore()
  const post = createPoster(store.telegram)
  const file = await post.postLargeFile({ volumeBytes: VOLUME })
  await settled(store)

  await fetch(`${store.url}/library/${file.messageId}`, {
    method: 'PATCH',
    headers: { ...MAIN, 'content-type': 'application/json' },
    body: JSON.stringify({ fileName: 'renamed.mp4', folder: '/Films' }),
  })
  await postJson(`${store.url}/library/copy`, { items: [file.messageId], folder: '/Copies' }, MAIN)
  const copy = await vi.waitFor(async () => {
    const found = (await settled(store)).find(({ folder }) => folder === '/Copies')
    if (!found) throw new Error('not copied yet')
    return found
  })

  expect(copy).toMatchObject({ fileName: 'renamed.mp4', size: file.bytes.length, volumes: 7 })
  expect((await bytesOf(store, file.messageId)).equals(file.bytes)).toBe(true)
  const remove = (id: number) =>
    fetch(`${store.url}/library/${id}`, { method: 'DELETE', headers: MAIN })
  expect((await remove(file.messageId)).status).toBe(204)
  expect((await remove(file.messageId)).status).toBe(204)
  expect((await bytesOf(store, copy.messageId)).equals(file.bytes)).toBe(true)
  expect((await remove(copy.messageId)).status).toBe(204)
  expect(await settled(store)).toEqual([])
  const left = await (await fetch(`${store.url}/library/leftovers`, { headers: MAIN })).json()
  expect(left.items).toEqual([])
})

test('a bot that sees no messages renames, copies, reads and deletes a large file', async () => {
  const store = await startTeleStore({ env: { VOLUME_BYTES: String(8 * MiB) } })
  const account = store.telegram.createAccount({ label: 'bob', withUser: false })
  const noApi = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }
  store.addUser('bob', account, noApi)
  const headers = { authorization: 'Bearer bob' }
  const bytes = randomBytes(20 * MiB + 12_345)
  const sent = await uploadFile(store.url, 'film.mp4', bytes, { token: 'bob' })
  const messageId = sent.messageId ?? 0
  const list = async (): Promise<Item[]> => {
    const answer = await fetch(`${store.url}/library?recursive=true`, { headers })
    return (await answer.json()).items
  }
  const read = async (id: number): Promise<Buffer> => {
    const answer = await fetch(downloadUrl(store.url, id, 'bob'))
    return Buffer.from(await answer.arrayBuffer())
  }
  expect(await list()).toMatchObject([{ messageId, size: bytes.length, volumes: 3 }])

  const renamed = await fetch(`${store.url}/library/${messageId}`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify({ fileName: 'b.mp4' }),
  })
  expect(renamed.status).toBe(200)
  await postJson(`${store.url}/library/copy`, { items: [messageId], folder: '/Copies' }, headers)
  const copy = await vi.waitFor(async () => {
    const found = (await list()).find(({ folder }) => folder === '/Copies')
    if (!found) throw new Error('not copied yet')
    return found
  })
  const lines = (await store.telegram.messages(account.channelId)).map(({ caption }) => caption)
  expect(lines[3]).toMatch(/kind=manifest .* name=b%2Emp4$/)
  expect((await read(messageId)).equals(bytes)).toBe(true)

  const remove = (id: number) => fetch(`${store.url}/library/${id}`, { method: 'DELETE', headers })
  expect((await remove(messageId)).status).toBe(204)
  expect(copy).toMatchObject({ fileName: 'b.mp4', size: bytes.length, volumes: 3, verified: true })
  expect((await read(copy.messageId)).equals(bytes)).toBe(true)
  expect((await remove(copy.messageId)).status).toBe(204)
  const left = await store.telegram.messages(account.channelId)
  expect(left.filter(({ caption }) => !caption?.includes('kind=folder'))).toEqual([])
})

test.each([
  ['a bot that sees no messages', { withUser: false }, {}],
  ['a user', {}, { SPOOL_MAX_BYTES: '20MB', MAX_BYTES_PER_USER: '20MB' }],
])(
  'the thumbnail of a large file of %s is shown, and that of its copy',
  async (_, kind, limits) => {
    const store = await startTeleStore({ env: { VOLUME_BYTES: String(8 * MiB), ...limits } })
    const account = store.telegram.createAccount({ label: 'bob', ...kind })
    const noApi = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }
    store.addUser('bob', account, 'withUser' in kind ? noApi : {})
    const headers = { authorization: 'Bearer bob' }
    const picture = makePicture(320, 180, 20_000)
    const bytes = randomBytes(22 * MiB)
    const { uploadId } = await sendChunks(store.url, 'film.mp4', bytes, { token: 'bob' })
    const put = await fetch(`${store.url}/upload-thumbnail/${uploadId}`, {
      method: 'PUT',
      headers: { ...headers, 'content-type': 'image/jpeg' },
      body: Uint8Array.from(picture),
    })
    expect(put.status).toBe(204)
    const end = (await completeAndPoll(store.url, uploadId)).at(-1)

    await postJson(
      `${store.url}/library/copy`,
      { items: [end?.messageId], folder: '/Copies' },
      headers,
    )

    const items = await vi.waitFor(async () => {
      const answer = await fetch(`${store.url}/library?recursive=true`, { headers })
      const { items: listed }: { items: Item[] } = await answer.json()
      expect(listed).toHaveLength(2)
      return listed
    })
    for (const { messageId, volumes } of items) {
      expect(volumes).toBeGreaterThan(1)
      const answer = await fetch(`${store.url}/library/${messageId}/thumbnail`, { headers })
      expect(Buffer.from(await answer.arrayBuffer()).equals(picture)).toBe(true)
    }
  },
)
