import { expect, test, vi } from 'vitest'
import { uploadFile } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }
const ANN = { authorization: 'Bearer token-ann' }
const PHOTOS = 'a'.repeat(32)
const SUMMER = 'b'.repeat(32)

async function start() {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  const ask = async (path: string, headers: Record<string, string> = ANN) => {
    const answer = await fetch(`${worker.url}${path}`, { headers })
    return { status: answer.status, headers: answer.headers, body: await answer.json() }
  }
  return { ...worker, ask, ledger: worker.adapters.ledger }
}

/** Three files and two folders. */
async function startWithFiles() {
  const worker = await start()
  await worker.ledger.applyToLibrary(KEY, {
    folders: [
      makeFolder(1, PHOTOS, 'Photos'),
      makeFolder(2, SUMMER, 'Été 2026', { parentId: PHOTOS }),
    ],
    files: [
      makeFile(10, { name: 'Ménage 10.mp4', mimeType: 'video/mp4', size: 5 }),
      makeFile(11, { name: 'menage 9.zip', folderId: PHOTOS, size: 7, captionId: SUMMER }),
      makeFile(12, { name: 'Strand.jpg', folderId: SUMMER, size: 9, modifiedAt: 0 }),
    ],
  })
  return worker
}

test('a folder is listed with its files, its folders and what they hold', async () => {
  const { ask } = await startWithFiles()

  const { status, headers, body } = await ask('/library?folder=/Photos')

  expect([status, headers.get('cache-control')]).toEqual([200, 'no-store'])
  expect(body).toEqual({
    items: [
      {
        messageId: 11,
        fileName: 'menage 9.zip',
        folder: '/Photos',
        size: 7,
        mimeType: 'application/octet-stream',
        kind: 'archive',
        createdAt: expect.stringMatching(/^20\d\d-.*Z$/),
        modifiedAt: null,
        sha256: null,
        verified: false,
        volumes: 1,
        thumbnail: false,
        link: expect.stringMatching(/^https:\/\/t\.me\/.*\/11$/),
        postedBy: 'telestore',
      },
    ],
    folders: [{ path: '/Photos/Été 2026', name: 'Été 2026', files: 1, bytes: 9 }],
    next: null,
    sync: { state: 'unavailable', seen: 0, total: null, at: null },
  })
})

test.each([
  ['', ['Ménage 10.mp4']],
  ['?folder=/', ['Ménage 10.mp4']],
  ['?folder=Photos/', ['menage 9.zip']],
  ['?folder=/Photos/E%CC%81te%CC%81%202026', ['Strand.jpg']],
  ['?recursive=true', ['menage 9.zip', 'Ménage 10.mp4', 'Strand.jpg']],
  ['?recursive=true&order=desc', ['Strand.jpg', 'Ménage 10.mp4', 'menage 9.zip']],
  ['?recursive=true&sort=size', ['Strand.jpg', 'menage 9.zip', 'Ménage 10.mp4']],
  ['?recursive=true&sort=date&order=asc', ['Ménage 10.mp4', 'menage 9.zip', 'Strand.jpg']],
  ['?recursive=true&kind=video', ['Ménage 10.mp4']],
  ['?q=MENAGE', ['menage 9.zip', 'Ménage 10.mp4']],
  ['?q=zip%20m%C3%A9n', ['menage 9.zip']],
  ['?q=menage&recursive=false', ['Ménage 10.mp4']],
  ['?q=menage&folder=/Photos', ['menage 9.zip']],
  ['?q=nothing', []],
])('GET /library%s lists %j', async (query, names) => {
  const { ask } = await startWithFiles()

  const { status, body } = await ask(`/library${query}`)

  expect(status).toBe(200)
  expect(body.items.map(({ fileName }: { fileName: string }) => fileName)).toEqual(names)
})

test('pages follow each other by their cursors, files and folders, whatever their size', async () => {
  const { ask } = await startWithFiles()
  const names: string[] = []
  const folders: string[] = []

  let query = '/library?recursive=true&sort=size&limit=2'
  for (let pages = 0; pages < 2; pages++) {
    const { body } = await ask(query)
    names.push(...body.items.map(({ fileName }: { fileName: string }) => fileName))
    folders.push(...body.folders.map(({ path }: { path: string }) => path))
    if (body.next === null) break
    query = `/library?recursive=true&sort=size&limit=500&cursor=${body.next}`
  }

  expect(names).toEqual(['Strand.jpg', 'menage 9.zip', 'Ménage 10.mp4'])
  expect(folders).toEqual(['/Photos'])
})

test('a cursor of another query, another user or nobody is refused', async () => {
  const { ask, ledger } = await startWithFiles()
  await ledger.applyToLibrary({ ...KEY, owner: 'bob' }, { files: [makeFile(1)] })
  const { body } = await ask('/library?recursive=true&limit=1')
  const { next } = body
  expect((await ask(`/library?recursive=true&limit=1&cursor=${next}`)).status).toBe(200)

  const refused = [
    await ask(`/library?limit=1&cursor=${next}`),
    await ask(`/library?recursive=true&sort=size&cursor=${next}`),
    await ask(`/library?recursive=true&q=a&cursor=${next}`),
    await ask(`/library?recursive=true&cursor=${next}`, { authorization: 'Bearer token-bob' }),
    await ask(`/library?recursive=true&cursor=${next.slice(0, -4)}AAAA`),
    await ask('/library?recursive=true&cursor=AAAA'),
    await ask('/library?recursive=true&cursor=%00'),
    await ask(`/library?recursive=true&cursor=${'A'.repeat(3000)}`),
  ]

  expect(refused.map(({ status, body: { code, field } }) => [status, code, field])).toEqual(
    Array(refused.length).fill([400, 'INVALID_REQUEST', 'cursor']),
  )
})

test.each([
  ['limit=0', 'limit'],
  ['limit=501', 'limit'],
  ['limit=x', 'limit'],
  ['sort=colour', 'sort'],
  ['order=up', 'order'],
  ['kind=film', 'kind'],
  ['recursive=yes', 'recursive'],
  [`q=${'x'.repeat(10_000)}`, 'q'],
  ['folder=/a/../b', 'folder'],
  ['folder=/a//b', 'folder'],
  ['folder=/a%00b', 'folder'],
  [`folder=${'/a'.repeat(300)}`, 'folder'],
  ['q=a&q=b', 'q'],
])('GET /library?%.40s is refused, and the answer names %s', async (query, field) => {
  const { ask } = await start()

  const { status, body } = await ask(`/library?${query}`)

  expect([status, body.code, body.field]).toEqual([400, 'INVALID_REQUEST', field])
})

test('a folder that is not there is none, and nobody else’s folder is', async () => {
  const { ask } = await startWithFiles()

  expect(await ask('/library?folder=/Videos')).toMatchObject({
    status: 404,
    body: { code: 'FOLDER_NOT_FOUND', error: 'There is no folder /Videos' },
  })
  const bob = { authorization: 'Bearer token-bob' }
  expect((await ask('/library?folder=/Photos', bob)).status).toBe(404)
  expect((await ask('/library', bob)).body).toMatchObject({ items: [], folders: [], next: null })
})

test('one file is told by its message, to its owner', async () => {
  const { ask } = await startWithFiles()

  expect(await ask('/library/12')).toMatchObject({
    status: 200,
    body: {
      fileName: 'Strand.jpg',
      folder: '/Photos/Été 2026',
      modifiedAt: '1970-01-01T00:00:00.000Z',
    },
  })
  expect(await ask('/library/13')).toMatchObject({
    status: 404,
    body: { code: 'MESSAGE_NOT_FOUND' },
  })
  expect((await ask('/library/12', { authorization: 'Bearer token-bob' })).status).toBe(404)
  expect((await ask('/library/0')).status).toBe(400)
})

test('the library needs a login token: no ticket and no download token opens it', async () => {
  const { url, ask } = await startWithFiles()
  const { ticket } = await postJson(`${url}/tickets`, { messageId: 12 })

  for (const path of ['/library', '/library/12']) {
    expect([path, (await ask(path, {})).status]).toEqual([path, 401])
    expect([path, (await ask(`${path}?token=${ticket}`, {})).status]).toEqual([path, 401])
    expect([path, (await ask(`${path}?token=link-token-ann`, {})).status]).toEqual([path, 401])
    expect([path, (await ask(`${path}?token=token-ann`, {})).status]).toEqual([path, 200])
  }
  const rescan = await fetch(`${url}/library/rescan`, { method: 'POST' })
  expect(rescan.status).toBe(401)
})

test('a rescan is taken, and says how the library stands', async () => {
  const { url } = await start()

  const answer = await fetch(`${url}/library/rescan`, { method: 'POST', headers: ANN })

  expect(answer.status).toBe(202)
  expect(await answer.json()).toEqual({
    sync: { state: 'unavailable', seen: 0, total: null, at: null },
  })
})

test('a completed upload is in the library at once, and every socket of its owner is told', async () => {
  const { url, ask } = await start()
  const told = { first: 0, second: 0, other: 0 }
  for (const [name, token] of [
    ['first', 'token-ann'],
    ['second', 'token-ann'],
    ['other', 'token-bob'],
  ] as const) {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/me?token=${token}`)
    socket.addEventListener('message', ({ data }) => {
      if (JSON.parse(String(data)).type === 'library_changed') told[name]++
    })
    await new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))
  }

  const { messageId } = await uploadFile(url, 'new ✓.bin', Buffer.from('abc'), {
    token: 'token-ann',
  })

  expect((await ask('/library')).body.items).toMatchObject([
    { messageId, fileName: 'new ✓.bin', size: 3, postedBy: 'telestore', folder: '/' },
  ])
  await vi.waitFor(() => expect(told).toEqual({ first: 1, second: 1, other: 0 }))
})

test('calls of one token have a rate', async () => {
  const { ask } = await start()
  let last = await ask('/library/1')
  for (let calls = 0; calls < 600 && last.status === 404; calls++) last = await ask('/library/1')

  expect(last).toMatchObject({ status: 429, body: { code: 'TOO_MANY_REQUESTS' } })
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0)
})

async function postJson(url: string, body: object) {
  const headers = { ...ANN, 'content-type': 'application/json' }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return answer.json()
}
