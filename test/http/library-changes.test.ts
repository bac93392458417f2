import { expect, test, vi } from 'vitest'
import { fileOfPost, folderOfPost } from '../../src/core/model/library/posts.ts'
import { AppError } from '../../src/errors.ts'
import { createFakeChannel } from '../helpers/peers/fake-channel.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

const KEY = { owner: 'ann', channelId: '-1001' }

/** A worker whose channel has these files, which its rows know. */
async function start(names: readonly string[] = ['a.txt', 'b.txt', 'c.txt']) {
  const channel = createFakeChannel()
  const options = { gateway: createFakeGateway(), channel, credentials: testCredentials }
  const worker = await startWorker(options)
  const { ledger } = worker.adapters
  const ids = names.map((fileName) => channel.add('', { fileName, size: 5 }))
  await ledger.applyToLibrary(KEY, {
    files: channel.list().flatMap(({ text: caption, document, ...times }) =>
      document
        ? fileOfPost({
            ...{ ...times, caption, documentId: document.id, size: document.size },
            documentName: document.fileName,
            ...{ mimeType: 'text/plain', hasThumbnail: false },
          })
        : [],
    ),
  })

  async function call(method: string, path: string, body?: unknown, token = 'token-ann') {
    const answer = await fetch(`${worker.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const { status, headers } = answer
    return { status, headers, body: text === '' ? null : JSON.parse(text) }
  }

  async function ended(uploadId: string) {
    return vi.waitFor(async () => {
      const { body } = await call('GET', `/upload-progress/${uploadId}`)
      expect(body.status).not.toBe('uploading')
      return body
    })
  }

  return {
    ...{ call, ended, channel, ledger, ids, url: worker.url },
    folders: () => channel.list().flatMap((message) => folderOfPost(message)?.name ?? []),
  }
}

test('a file is renamed and moved, and the answer is the file as it is now', async () => {
  const { call, ids } = await start()

  const change = { fileName: 'x/y.txt', folder: 'Rome/' }
  const { status, body } = await call('PATCH', `/library/${ids[0]}`, change)

  expect(status).toBe(200)
  expect(body).toMatchObject({
    ...{ messageId: ids[0], fileName: 'x_y.txt', folder: '/Rome', postedBy: 'telestore' },
  })
  expect((await call('GET', `/library/${ids[0]}`)).body).toEqual(body)
  expect((await call('GET', '/library?folder=/Rome')).body.items).toEqual([body])
})

test('two tabs that rename one file at once both succeed, and one of the names stays', async () => {
  const { call, ids } = await start()

  const answers = await Promise.all(
    ['one', 'two'].map((fileName) => call('PATCH', `/library/${ids[0]}`, { fileName })),
  )

  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  const { body } = await call('GET', `/library/${ids[0]}`)
  expect(['one', 'two']).toContain(body.fileName)
})

test('a file is deleted, and once more is 204 as well', async () => {
  const { call, ids, channel } = await start()

  const answers = [
    await call('DELETE', `/library/${ids[0]}`),
    await call('DELETE', `/library/${ids[0]}`),
  ]

  expect(answers.map(({ status }) => status)).toEqual([204, 204])
  expect(channel.list()).toHaveLength(2)
  expect((await call('GET', `/library/${ids[0]}`)).status).toBe(404)
})

test('a folder is made, renamed with what is in it, and deleted', async () => {
  const { call, ids, ended, channel } = await start()

  const made = await call('POST', '/library/folders', { path: '/Rome/Day 1' })
  const again = await call('POST', '/library/folders', { path: '/Rome/Day 1' })
  await call('PATCH', `/library/${ids[0]}`, { folder: '/Rome/Day 1' })
  const moved = await call('PATCH', '/library/folders?path=/Rome', { path: '/Holidays/Roma' })
  const full = await call('DELETE', '/library/folders?path=/Holidays')
  const empty = await call('POST', '/library/folders', { path: '/Empty' })
  const deleted = await call('DELETE', '/library/folders?path=/Empty')
  const emptied = await call('DELETE', '/library/folders?path=/Holidays&recursive=true')

  const folder = { path: '/Rome/Day 1', name: 'Day 1', files: 0, bytes: 0 }
  expect([made.status, made.body]).toEqual([201, folder])
  expect([again.status, again.body]).toEqual([200, folder])
  expect(moved.body).toEqual({ path: '/Holidays/Roma', name: 'Roma', files: 1, bytes: 5 })
  expect([full.status, full.body.code]).toEqual([409, 'FOLDER_NOT_EMPTY'])
  expect([empty.status, deleted.status]).toEqual([201, 204])
  expect([emptied.status, emptied.body.status]).toEqual([202, 'uploading'])
  expect(await ended(emptied.body.uploadId)).toMatchObject({ status: 'completed', progress: 100 })
  expect(channel.list().map(({ messageId }) => messageId)).toEqual(ids.slice(1))
})

test.each([
  ['PATCH', '/library/1', {}, 400, 'fileName: is missing'],
  ['PATCH', '/library/1', { folder: '/a/../b' }, 400, 'folder: a folder cannot be named ..'],
  ['PATCH', '/library/0', { fileName: 'a' }, 400, 'messageId: '],
  ['PATCH', '/library/777', { fileName: 'a' }, 404, 'There is no such file'],
  ['POST', '/library/folders', { path: '/a//b' }, 400, 'path: the name of a folder is empty'],
  ['POST', '/library/folders', { path: '/x'.repeat(300) }, 400, 'path: the path has more than 100'],
  ['PATCH', '/library/folders?path=/', { path: '/a' }, 400, 'path: the root can neither'],
  ['PATCH', '/library/folders?path=/None', { path: '/a' }, 404, 'There is no folder /None'],
  ['DELETE', '/library/folders', undefined, 400, 'path: is missing'],
  ['DELETE', '/library/folders?path=/&recursive=true', undefined, 400, 'path: the root can'],
  ['DELETE', '/library/folders?path=/None', undefined, 404, 'There is no folder /None'],
  ['POST', '/library/move', { items: [], folder: '/a' }, 400, 'items: '],
  ['POST', '/library/move', { items: [1] }, 400, 'folder: is missing'],
  ['POST', '/library/copy', { items: [0], folder: '/' }, 400, 'items.0: expected 1 at least'],
  ['POST', '/library/folders', [], 400, 'body: expected an object'],
  ['POST', '/library/delete', { items: Array(1001).fill(7) }, 400, 'items: expected 1000 at most'],
])('%s %s with %j is %i', async (method, path, body, status, sentence) => {
  const { call, channel } = await start()

  const answer = await call(method, path, body)

  expect([answer.status, answer.body.error]).toEqual([status, expect.stringContaining(sentence)])
  expect(channel.requests.filter((request) => request !== 'messages')).toEqual([])
})

test.each([
  ['PATCH', { fileName: 'x' }, 'NOT_EDITABLE', 'edit_messages'],
  ['DELETE', undefined, 'NOT_DELETABLE', 'delete_messages'],
] as const)(
  '%s without the right is 403, and names what is missing',
  async (method, body, code, right) => {
    const { call, ids, channel } = await start()
    channel.refuses = ids
    channel.before = async (request) => {
      if (request === 'edit') throw new AppError('NOT_EDITABLE', 'no', { details: { right } })
    }

    const answer = await call(method, `/library/${ids[0]}`, body)

    expect([answer.status, answer.body]).toEqual([403, expect.objectContaining({ code, right })])
  },
)

test('a flood is 429 with Retry-After', async () => {
  const { call, ids, channel } = await start()
  channel.before = async () => {
    throw new AppError('TELEGRAM_FLOOD_WAIT', 'Telegram asks to wait', { retryAfter: 77 })
  }

  const { status, headers } = await call('PATCH', `/library/${ids[0]}`, { fileName: 'x' })

  expect([status, headers.get('retry-after')]).toEqual([429, '77'])
})

test('files are moved, copied and deleted by jobs that are shown as uploads are', async () => {
  const { call, ended, ids, ledger, channel, folders, url } = await start()

  const moved = await call('POST', '/library/move', { items: ids, folder: '/New/Place' })
  const afterMove = await ended(moved.body.uploadId)
  const copied = await call('POST', '/library/copy', { items: ids.slice(0, 2), folder: '/' })
  await ended(copied.body.uploadId)
  const gone = await call('POST', '/library/delete', { items: ids })
  const stream = await fetchEvents(`${gone.body.uploadId}`)
  const { body: jobs } = await call('GET', '/jobs')

  expect([moved.status, copied.status, gone.status]).toEqual([202, 202, 202])
  expect(moved.body).toMatchObject({ status: 'uploading', progress: 0, messageId: null })
  expect(afterMove).toMatchObject({ status: 'completed', progress: 100, phase: 'completed' })
  expect(folders()).toEqual(['New', 'Place'])
  expect(stream).toContain('"status":"completed"')
  expect(jobs.changes).toMatchObject([
    { kind: 'delete', folder: null, total: 3, done: 3, failed: 0, status: 'completed' },
    { kind: 'copy', folder: '/', total: 2, done: 2 },
    { kind: 'move', folder: '/New/Place', total: 3, done: 3 },
  ])
  expect(jobs.jobs).toEqual([])
  const { body } = await call('GET', '/library?recursive=true')
  expect(body.items.map(({ fileName }: { fileName: string }) => fileName)).toEqual([
    ...['a.txt', 'b.txt'],
  ])
  expect(channel.list().filter(({ document }) => document)).toHaveLength(2)
  expect(await ledger.libraryFolder(KEY, ['New', 'Place'])).toMatchObject({ files: 0 })

  async function fetchEvents(uploadId: string): Promise<string> {
    const answer = await fetch(`${url}/upload-progress/${uploadId}`, {
      headers: { accept: 'text/event-stream', authorization: 'Bearer token-ann' },
    })
    return answer.text()
  }
})

test('another user sees neither the files nor the jobs', async () => {
  const { call, ids, ended, channel } = await start()

  const job = await call('POST', '/library/delete', { items: [ids[0]] })
  await ended(job.body.uploadId)

  const bob = 'token-bob'
  expect((await call('GET', `/upload-progress/${job.body.uploadId}`, undefined, bob)).status).toBe(
    404,
  )
  expect((await call('GET', '/jobs', undefined, bob)).body.changes).toEqual([])
  const refused = await call('PATCH', `/library/${ids[1]}`, { fileName: 'x' }, 'nobody')
  expect(refused.status).toBe(401)
  expect(channel.list()).toHaveLength(2)
})
