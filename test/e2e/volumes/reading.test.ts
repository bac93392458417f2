import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KiB } from '../../../src/lib/units.ts'
import { downloadUrl, postJson } from '../../helpers/callers/client.ts'
import { createPoster, type LargeFile } from '../../helpers/peers/large-file.ts'
import { startTeleStore, type TeleStore } from '../../helpers/worker/telestore.ts'

const BARE = { telegram_session: null, telegram_api_id: null, telegram_api_hash: null }
const VOLUME = 300 * KiB

/** A channel in which somebody has posted a file of three volumes. */
async function start(): Promise<
  TeleStore & { file: LargeFile; post: ReturnType<typeof createPoster> }
> {
  const store = await startTeleStore()
  const post = createPoster(store.telegram)
  const bytes = randomBytes(2 * VOLUME + 12_345)
  return { ...store, post, file: await post.postLargeFile({ bytes, volumeBytes: VOLUME }) }
}

async function get(url: string, headers: Record<string, string> = {}) {
  const answer = await fetch(url, { headers })
  return { answer, status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()) }
}

test('a large file is one file to every reader: whole, by ranges, with conditions', async () => {
  const { url, file, telegram } = await start()
  const { bytes } = file
  const link = downloadUrl(url, file.messageId, 'main')

  const whole = await get(link)
  expect(whole.bytes.equals(bytes)).toBe(true)
  expect(Object.fromEntries(whole.answer.headers)).toMatchObject({
    'content-length': String(bytes.length),
    'content-type': 'video/mp4',
    'content-disposition': 'inline; filename=film.mp4',
    etag: expect.stringMatching(/^"\d+"$/),
    'accept-ranges': 'bytes',
  })
  const etag = whole.answer.headers.get('etag') ?? ''
  const head = await fetch(link, { method: 'HEAD' })
  expect(head.headers.get('content-length')).toBe(String(bytes.length))
  expect(head.headers.get('etag')).toBe(etag)

  for (const [from, to] of [
    [0, 1],
    [VOLUME - 1, VOLUME + 1],
    [VOLUME - 7, 2 * VOLUME + 7],
    [bytes.length - 1, bytes.length],
  ] as const) {
    const part = await get(link, { range: `bytes=${from}-${to - 1}`, 'if-range': etag })
    expect(part.status).toBe(206)
    expect(part.answer.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${bytes.length}`)
    expect(part.bytes.equals(bytes.subarray(from, to))).toBe(true)
  }
  const several = await get(link, { range: `bytes=0-4,${VOLUME - 2}-${VOLUME + 2}` })
  expect(several.bytes.includes(bytes.subarray(VOLUME - 2, VOLUME + 3))).toBe(true)
  expect((await get(link, { 'if-none-match': etag })).status).toBe(304)
  expect((await get(link, { range: 'bytes=0-4', 'if-range': '"1"' })).status).toBe(200)
  expect((await get(link, { range: `bytes=${bytes.length}-` })).status).toBe(416)
  // The manifest's message, and all volumes at once.
  expect(telegram.counters.read().methods['channels.getMessages']?.calls).toBe(2)
})

test('download tokens and tickets open a large file like a small one', async () => {
  const { url, file } = await start()
  const { messageId } = file
  const made = await postJson(`${url}/tickets`, { messageId, authToken: 'main' })
  const { ticket } = await made.json()

  const byLink = await get(downloadUrl(url, messageId, 'link-main'))
  const byTicket = await get(downloadUrl(url, messageId, ticket))

  expect([byLink.status, byTicket.status]).toEqual([200, 200])
  expect(byLink.bytes.equals(file.bytes)).toBe(true)
  expect(byTicket.bytes.equals(file.bytes)).toBe(true)
})

test('expired file references and a file that has moved are followed on the way', async () => {
  const { url, file, telegram } = await start()
  const link = downloadUrl(url, file.messageId, 'main')
  await get(link, { range: 'bytes=0-0' })
  telegram.faults.expireFileReferences()

  expect((await get(link)).bytes.equals(file.bytes)).toBe(true)
})

test('a volume that was deleted in Telegram is named, and nothing is sent', async () => {
  const { url, file, post } = await start()
  const lost = file.manifest.volumes[1]?.messageId ?? 0
  await post.remove(lost)

  const answer = await fetch(downloadUrl(url, file.messageId, 'main'))

  expect(answer.status).toBe(410)
  expect(await answer.json()).toMatchObject({
    ...{ code: 'FILE_INCOMPLETE', volume: 2, of: 3, messageId: lost },
    error: 'The file cannot be read: volume 2 of 3 is missing in Telegram',
  })
})

test('what is no manifest of its own is sent as it is, and a forged one is not sent', async () => {
  const { url, file, post } = await start()
  const { messageId, manifest } = file
  const json = (await get(downloadUrl(url, await post.forward(messageId), 'main'))).bytes
  expect(JSON.parse(json.toString())).toMatchObject({ telestore: 'manifest', id: manifest.id })

  const plain = await post.post({ name: 'a.json', bytes: json, caption: 'look at this' })
  expect((await get(downloadUrl(url, plain.messageId, 'main'))).bytes.equals(json)).toBe(true)

  const video = await post.post({ name: 'a.mp4', bytes: randomBytes(9), caption: '' })
  await post.edit(video.messageId, `#telestore v=1 id=${manifest.id} kind=manifest name=film%2Emp4`)
  expect((await get(downloadUrl(url, video.messageId, 'main'))).bytes).toHaveLength(9)

  const forged = await post.postLargeFile({
    forge: () => ({ volumes: manifest.volumes, size: manifest.size }),
  })
  expect((await get(downloadUrl(url, forged.messageId, 'main'))).status).toBe(410)
})

test('a bot alone reads a large file by the file ids that its manifest has', async () => {
  const store = await startTeleStore()
  const account = store.telegram.createAccount({ label: 'bob', withUser: false })
  store.addUser('bob', account, BARE)
  const bytes = randomBytes(2 * VOLUME + 12_345)
  const post = createPoster(store.telegram, account)
  const file = await post.postLargeFile({ bytes, volumeBytes: VOLUME })
  const link = `${downloadUrl(store.url, file.messageId, 'bob')}&fileId=${file.fileId}`

  const whole = await get(link)
  const part = await get(link, { range: `bytes=${VOLUME - 5}-${2 * VOLUME + 5}` })

  expect(whole.answer.headers.get('content-disposition')).toBe('inline; filename=film.mp4')
  expect(whole.bytes.equals(bytes)).toBe(true)
  expect(part.bytes.equals(bytes.subarray(VOLUME - 5, 2 * VOLUME + 6))).toBe(true)
  // Each document is asked for once: the manifest and its volumes.
  expect(store.telegram.counters.read().methods['bot:getFile']?.calls).toBe(4)
})
