import { expect, test, vi } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { createFakeChannel } from '../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeFile } from '../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const ANN = { authorization: 'Bearer token-ann' }
const JPEG = Buffer.from('ffd8ffd9', 'hex')

/** A worker whose library has these messages, 12 with a thumbnail. */
async function startWithThumbnail() {
  const gateway = createFakeGateway()
  const channel = createFakeChannel()
  const worker = await startWorker({ gateway, channel, credentials: testCredentials })
  for (const messageId of [11, 12, 13]) {
    const file = { name: 'Strand.jpg', mimeType: 'image/jpeg', bytes: Buffer.from('whole') }
    gateway.posted.push({ messageId, ...file })
  }
  gateway.thumbnails.set(12, JPEG)
  await worker.adapters.ledger.applyToLibrary(KEY, {
    files: [
      makeFile(11, { hasThumbnail: false }),
      makeFile(12, { hasThumbnail: true }),
      // Telegram has forgotten it.
      makeFile(13, { hasThumbnail: true }),
    ],
  })
  const show = (messageId: number, headers: Record<string, string> = ANN) =>
    fetch(`${worker.url}/library/${messageId}/thumbnail`, { headers })
  return { gateway, channel, show, url: worker.url }
}

test('a thumbnail is a private JPEG with the entity tag of its document', async () => {
  const { show, url } = await startWithThumbnail()

  const answer = await show(12)

  expect(answer.status).toBe(200)
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    'content-type': 'image/jpeg',
    'content-length': String(JPEG.length),
    'cache-control': 'private, no-cache',
    'x-content-type-options': 'nosniff',
  })
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(JPEG)
  const whole = await fetch(`${url}/download?messageId=12`, { method: 'HEAD', headers: ANN })
  expect(answer.headers.get('etag')).toBe(whole.headers.get('etag'))
})

test('a thumbnail is read from Telegram once, for all who ask at once and later', async () => {
  const { show, gateway } = await startWithThumbnail()

  const answers = [
    ...(await Promise.all(Array.from({ length: 20 }, () => show(12)))),
    await show(12),
  ]

  expect(answers.map(({ status }) => status)).toEqual(Array(21).fill(200))
  expect(gateway.thumbnailReads).toEqual([12])
})

test('a caller that has the thumbnail gets 304, and Telegram is not asked for it', async () => {
  const { show, gateway } = await startWithThumbnail()

  const same = await show(12, { ...ANN, 'if-none-match': 'W/"1", "1012"' })
  const other = await show(12, { ...ANN, 'if-none-match': '"1011"' })

  expect([same.status, await same.text(), same.headers.get('etag')]).toEqual([304, '', '"1012"'])
  expect(other.status).toBe(200)
  expect(gateway.thumbnailReads).toEqual([12])
})

test.each([
  [11, 404, 'THUMBNAIL_NOT_FOUND'],
  [13, 404, 'THUMBNAIL_NOT_FOUND'],
  [14, 404, 'MESSAGE_NOT_FOUND'],
  [0, 400, 'INVALID_REQUEST'],
])('the thumbnail of message %i is refused with %i %s', async (messageId, status, code) => {
  const { show } = await startWithThumbnail()

  const answer = await show(messageId)

  expect(answer.status).toBe(status)
  expect(await answer.json()).toMatchObject({ code })
})

test('another user has no thumbnail of the same number', async () => {
  const { show } = await startWithThumbnail()
  await show(12)

  const answer = await show(12, { authorization: 'Bearer token-bob', 'if-none-match': '"1012"' })

  expect(answer.status).toBe(404)
})

test('a thumbnail for which Telegram asks to wait is 429 with that time, and comes later', async () => {
  const { show, gateway } = await startWithThumbnail()
  gateway.beforeThumbnail = async () => {
    throw new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter: 33 })
  }

  const refused = await show(12)
  gateway.beforeThumbnail = async () => {}
  const answer = await show(12)

  expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '33'])
  expect(answer.status).toBe(200)
})

test('a reader that leaves ends nothing for those who wait for the same thumbnail', async () => {
  const { show, gateway, url } = await startWithThumbnail()
  const { promise: answered, resolve: answerNow } = Promise.withResolvers<void>()
  gateway.beforeThumbnail = () => answered
  const leaving = new AbortController()
  const path = `${url}/library/12/thumbnail`
  const left = fetch(path, { headers: ANN, signal: leaving.signal }).catch(() => 'left')
  await vi.waitFor(() => expect(gateway.thumbnailReads).toEqual([12]))
  leaving.abort()
  expect(await left).toBe('left')

  const waiting = show(12)
  answerNow()

  expect((await waiting).status).toBe(200)
  expect(gateway.thumbnailReads).toEqual([12])
})

test('a thumbnail needs a login token: no ticket and no download token opens it', async () => {
  const { url } = await startWithThumbnail()
  const made = await fetch(`${url}/tickets`, {
    method: 'POST',
    headers: { ...ANN, 'content-type': 'application/json' },
    body: JSON.stringify({ messageId: 12 }),
  })
  const { ticket } = await made.json()
  const status = async (query: string) =>
    (await fetch(`${url}/library/12/thumbnail${query}`)).status

  expect(await status('')).toBe(401)
  expect(await status(`?token=${ticket}`)).toBe(401)
  expect(await status('?token=link-token-ann')).toBe(401)
  expect(await status('?token=token-ann')).toBe(200)
})

test('a bot that cannot see messages has no thumbnails', async () => {
  const { show, channel } = await startWithThumbnail()
  channel.sees = null

  expect((await show(12)).status).toBe(404)
})
