import { setTimeout as wait } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { bytesOf, createRandom } from '../../chaos/random.ts'
import {
  completeAndPoll,
  downloadUrl,
  newUploadId,
  type ProgressBody,
  pollToEnd,
  postChunk,
  sha256,
} from '../../helpers/callers/client.ts'
import { makeTusUpload } from '../../helpers/callers/tus.ts'
import { startTeleStore, type TeleStore } from '../../helpers/worker/telestore.ts'

const VOLUME = 4 * MiB
/** Streams are cut into chunks of 5 MB, two of which it holds beside two volumes. */
const SPOOL = 24 * MiB
/** More than the spool holds. */
const COUNT = 7
const SIZE = (COUNT - 1) * VOLUME + MiB + 12_345
/** Eight of them are half a volume, and may be further ahead than two volumes. */
const CHUNK = 256 * KiB
const bytes = bytesOf('volumes', SIZE)

const ROADS = ['user', 'bot by MTProto', 'bot alone'] as const
type Road = (typeof ROADS)[number]

const WAYS: Record<string, (store: TeleStore) => Promise<ProgressBody | undefined>> = {
  'one chunk after the other': (store) => sendAll(store, 1),
  'eight chunks at once': (store) => sendAll(store, 8),
  tus: async ({ url }) => {
    const { upload, finished } = makeTusUpload(url, bytes, { token: 'ann', retryDelays: null })
    upload.start()
    return (await pollToEnd(url, await finished)).at(-1)
  },
}

test.each(ROADS.flatMap((road) => Object.keys(WAYS).map((way) => [road, way] as const)))(
  '%s, %s: a file larger than the spool goes as volumes, each once, and comes back',
  async (road, way) => {
    const store = await startStore(road)
    const { url, telegram, channelId } = store

    const end = await WAYS[way]?.(store)

    expect(end).toMatchObject({ status: 'completed' })
    const posts = await telegram.messages(channelId)
    expect(posts.map(({ fileName }) => fileName)).toEqual([
      ...Array.from({ length: COUNT }, (_, index) => `film.mkv.00${index + 1}`),
      'film.mkv.telestore.json',
    ])
    expect(posts.slice(0, COUNT).map((post) => post.sha256)).toEqual(
      Array.from({ length: COUNT }, (_, index) =>
        sha256(bytes.subarray(index * VOLUME, (index + 1) * VOLUME)),
      ),
    )
    expect(end?.messageId).toBe(posts.at(-1)?.id)
    const whole = await fetch(addressOf(url, end))
    expect(whole.headers.get('content-length')).toBe(String(SIZE))
    expect(whole.headers.get('repr-digest')).toContain(
      Buffer.from(sha256(bytes), 'hex').toString('base64'),
    )
    expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(sha256(bytes))
    expect(crc32(bytes).toString(16).padStart(8, '0')).toBe(crcIn(posts.at(-1)?.caption))
  },
)

test('a bot alone: a file of POST /upload that it could not read back goes as volumes', async () => {
  const room = { SPOOL_MAX_BYTES: '4GB', MAX_BYTES_PER_USER: '4GB', VOLUME_BYTES: '512MB' }
  const store = await startStore('bot alone', room)
  const { url, telegram, channelId } = store
  const form = new FormData()
  form.append('authToken', 'ann')
  form.append('file', new Blob([new Uint8Array(bytes)]), 'film.mkv')

  const response = await fetch(`${url}/upload`, { method: 'POST', body: form })

  const end = (await response.json()) as ProgressBody
  expect(response.status).toBe(200)
  const posts = await telegram.messages(channelId)
  expect(posts.map(({ fileName }) => fileName)).toEqual([
    'film.mkv.001',
    'film.mkv.002',
    'film.mkv.telestore.json',
  ])
  const whole = await fetch(addressOf(url, end))
  expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(sha256(bytes))
})

test.each(ROADS)('%s: ranges anywhere in a file of volumes have its bytes', async (road) => {
  const store = await startStore(road, { BLOCK_CACHE_BYTES: '0' })
  const { url } = store
  const end = await sendAll(store, 3)
  const random = createRandom(14)
  const ranges = Array.from({ length: 200 }, (_, index) => {
    const length = random.whole(1, 300 * KiB)
    const border = random.whole(1, COUNT - 1) * VOLUME
    const start = index < 40 ? border - random.whole(1, length) : random.whole(0, SIZE - length)
    return { start, end: Math.min(start + length, SIZE) }
  })

  for (const { start, end: behind } of ranges) {
    const found = await readRange(addressOf(url, end), start, behind)
    expect(found.equals(bytes.subarray(start, behind)), `${start}-${behind}`).toBe(true)
  }
})

test.each(['user', 'bot by MTProto'] as const)(
  '%s: a place in a file that was read before takes one call, and one over a border two',
  async (road) => {
    const store = await startStore(road, { BLOCK_CACHE_BYTES: '0' })
    const { url, telegram } = store
    const address = addressOf(url, await sendAll(store, 3))
    await readRange(address, 0, 10)
    await readRange(address, 3 * VOLUME, 3 * VOLUME + 10)
    await readRange(address, VOLUME - 10, VOLUME + 10)
    const callsFor = async (start: number, end: number): Promise<Record<string, number>> => {
      telegram.counters.reset()
      await readRange(address, start, end)
      const { methods } = telegram.counters.read()
      return Object.fromEntries(Object.entries(methods).map(([name, { calls }]) => [name, calls]))
    }

    expect(await callsFor(2 * VOLUME + 100, 2 * VOLUME + 60 * KiB)).toEqual({ 'upload.getFile': 1 })
    expect(await callsFor(100, 200)).toEqual({ 'upload.getFile': 1 })
    expect(await callsFor(3 * VOLUME - 50, 3 * VOLUME + 50)).toEqual({ 'upload.getFile': 2 })
  },
)

interface VolumesStore extends TeleStore {
  channelId: string
}

async function startStore(road: Road, env: Record<string, string> = {}): Promise<VolumesStore> {
  const store = await startTeleStore({
    env: {
      VOLUME_BYTES: String(VOLUME),
      SPOOL_MAX_BYTES: String(SPOOL),
      MAX_BYTES_PER_USER: String(SPOOL),
      ...env,
    },
  })
  const account = store.telegram.createAccount({
    label: 'ann',
    withUser: road === 'user',
    withBot: road !== 'user',
  })
  const noApi = { telegram_api_id: null, telegram_api_hash: null }
  store.addUser('ann', account, road === 'bot alone' ? noApi : {})
  return { ...store, channelId: account.channelId }
}

/** Sends all chunks. A machine under load may ask for patience. */
async function sendAll({ url }: TeleStore, parallel: number): Promise<ProgressBody | undefined> {
  const uploadId = newUploadId()
  const totalChunks = Math.ceil(SIZE / CHUNK)
  const file = { uploadId, fileName: 'film.mkv', fileSize: SIZE, totalChunks, authToken: 'ann' }
  let next = 0
  async function sendNext(): Promise<void> {
    for (let index = next++; index < totalChunks; index = next++) {
      const chunk = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
      const send = () => postChunk(url, { ...file, chunkIndex: index, chunk })
      for (let answer = await send(); answer.status !== 200; answer = await send()) {
        expect([answer.status, await answer.text()]).toEqual([503, expect.any(String)])
        await wait(Number(answer.headers.get('retry-after')) * 1000)
      }
    }
  }
  await Promise.all(Array.from({ length: parallel }, sendNext))
  const polls = await completeAndPoll(url, uploadId)
  const percents = polls.map(({ progress }) => progress)
  expect(percents).toEqual(percents.toSorted((a, b) => a - b))
  return polls.at(-1)
}

function addressOf(url: string, end: ProgressBody | undefined): string {
  return `${downloadUrl(url, end?.messageId ?? null, 'ann')}&fileId=${end?.fileId}`
}

async function readRange(address: string, start: number, end: number): Promise<Buffer> {
  const response = await fetch(address, { headers: { range: `bytes=${start}-${end - 1}` } })
  expect(response.status).toBe(206)
  expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/${SIZE}`)
  return Buffer.from(await response.arrayBuffer())
}

function crcIn(caption: string | undefined): string | undefined {
  return / crc32=(\w+)/.exec(caption ?? '')?.[1]
}
