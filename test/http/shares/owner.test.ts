import { expect, test } from 'vitest'
import { postJson } from '../../helpers/callers/client.ts'
import { stopClock } from '../../helpers/stopped-clock.ts'
import { ANN, codeOf, makeShare, type ShownShare, sharesOf, startWithLibrary } from './share.ts'

const BOB = { authorization: 'Bearer token-bob' }

async function patch(url: string, { id }: ShownShare, change: object, headers = ANN) {
  return fetch(`${url}/shares/${id}`, {
    method: 'PATCH',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(change),
  })
}

function end(url: string, { id }: ShownShare, headers = ANN): Promise<Response> {
  return fetch(`${url}/shares/${id}`, { method: 'DELETE', headers })
}

test('a share has an address that says nothing, and is listed for its owner alone', async () => {
  const { url } = await startWithLibrary({ env: { PUBLIC_URL: 'https://worker.example/files' } })
  const before = Date.now()

  const wish = { items: [12, 11, 12], title: 'Our\nholiday ', password: 'secret', maxDownloads: 2 }
  const share = await makeShare(url, { ...wish, expiresIn: 3600 })

  expect(share).toMatchObject({
    id: expect.stringMatching(/^[\w-]{32}$/),
    url: `/s/${share.id}`,
    link: `https://worker.example/files/s/${share.id}`,
    state: 'open',
    title: 'Our holiday',
    items: [12, 11],
    fileName: 'notes.txt',
    folder: null,
    hasPassword: true,
    maxDownloads: 2,
    downloads: 0,
    lastUsedAt: null,
  })
  expect(Date.parse(share.expiresAt)).toBeGreaterThanOrEqual(before + 3_600_000)
  expect(await sharesOf(url)).toEqual([share])
  expect(await sharesOf(url, BOB)).toEqual([])
  expect((await makeShare(url, { folder: '/Photos/Rome' })).folder).toBe('/Photos/Rome')
})

test.each([
  [{}, 400, 'INVALID_REQUEST'],
  [{ items: [] }, 400, 'INVALID_REQUEST'],
  [{ items: [11], folder: '/' }, 400, 'INVALID_REQUEST'],
  [{ items: Array.from({ length: 501 }, (_, at) => at + 1) }, 400, 'INVALID_REQUEST'],
  [{ items: [11], expiresIn: 365 * 86_400 + 1 }, 400, 'INVALID_REQUEST'],
  [{ items: [11], maxDownloads: 0 }, 400, 'INVALID_REQUEST'],
  [{ items: [11], password: 'x'.repeat(257) }, 400, 'INVALID_REQUEST'],
  [{ items: [11, 99] }, 404, 'MESSAGE_NOT_FOUND'],
  [{ folder: '/Nowhere' }, 404, 'FOLDER_NOT_FOUND'],
])('the wish %j is refused with %i %s', async (wish, status, code) => {
  const { url } = await startWithLibrary()

  expect(await codeOf(await postJson(`${url}/shares`, wish, ANN))).toEqual([status, code])
})

test('what is changed of a share is changed, and the rest stays', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [11], title: 'Film', maxDownloads: 1 })

  const changed = await (await patch(url, share, { maxDownloads: null, password: 'x' })).json()

  expect(changed).toEqual({ ...share, maxDownloads: null, hasPassword: true })
  expect(await codeOf(await patch(url, share, { title: 'Bob' }, BOB))).toEqual([
    404,
    'SHARE_NOT_FOUND',
  ])
  expect(await codeOf(await end(url, share, BOB))).toEqual([404, 'SHARE_NOT_FOUND'])
  expect(await sharesOf(url)).toEqual([changed])
})

test('an ended share is listed as ended, cannot be changed, and may be ended again', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [11] })

  expect((await end(url, share)).status).toBe(204)
  expect((await end(url, share)).status).toBe(204)

  expect(await sharesOf(url)).toMatchObject([{ id: share.id, state: 'ended' }])
  expect(await codeOf(await patch(url, share, { title: 'again' }))).toEqual([410, 'SHARE_ENDED'])
  const id = share.id.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))
  expect(await codeOf(await end(url, { ...share, id }))).toEqual([404, 'SHARE_NOT_FOUND'])
})

test('an expired share is known as expired, and goes on where it gets more time', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [12], expiresIn: 60 })
  stopClock().pass(61_000)

  expect((await fetch(url + share.url)).status).toBe(410)
  expect(await sharesOf(url)).toMatchObject([{ state: 'expired' }])
  expect((await patch(url, share, { expiresIn: 60 })).status).toBe(200)
  expect((await fetch(url + share.url)).status).toBe(200)
})

test('revoking all links ends shares too', async () => {
  const { url } = await startWithLibrary()
  const share = await makeShare(url, { items: [12] })

  await fetch(`${url}/tickets`, { method: 'DELETE', headers: ANN })

  expect(await codeOf(await fetch(url + share.url))).toEqual([410, 'SHARE_ENDED'])
  expect((await fetch(url + (await makeShare(url, { items: [12] })).url)).status).toBe(200)
})

test('a share is made by a login token alone', async () => {
  const { url } = await startWithLibrary()
  const issued = await postJson(`${url}/tickets`, { messageId: 11 }, ANN)
  const { ticket } = (await issued.json()) as { ticket: string }

  const answers = await Promise.all([
    postJson(`${url}/shares`, { items: [11], authToken: ticket }),
    postJson(`${url}/shares`, { items: [11] }),
    fetch(`${url}/shares?token=${ticket}`),
  ])

  expect(await Promise.all(answers.map(codeOf))).toEqual([
    [401, 'TOKEN_REFUSED'],
    [401, 'TOKEN_MISSING'],
    [401, 'TOKEN_REFUSED'],
  ])
})
