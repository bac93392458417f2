import { randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import {
  newUploadId,
  type ProgressBody,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  sha256,
} from '../helpers/callers/client.ts'
import { createTus, idIn, offsetOf, patchTus, tusHeaders } from '../helpers/callers/tus.ts'
import { type Cluster, startCluster } from '../helpers/cluster/nodes.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { startTestCluster } from '../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

/** A PATCH that sends so many bytes and then nothing more, while its connection stays. */
function stall(
  url: string,
  uploadId: string,
  { token, bytes, length }: { token: string; bytes: Buffer; length: number },
) {
  const ended = Promise.withResolvers<number>()
  const request = httpRequest(`${url}/files/${uploadId}`, {
    method: 'PATCH',
    headers: tusHeaders(token, {
      'upload-offset': '0',
      'content-type': 'application/offset+octet-stream',
      'content-length': String(length),
    }),
  })
  request.on('response', ({ statusCode }) => ended.resolve(statusCode ?? 0))
  request.on('error', () => ended.resolve(0))
  request.write(bytes)
  onTestFinished(() => void request.destroy())
  return ended.promise
}

/** What an event stream tells, until its end. */
function listen(url: string, uploadId: string, token: string) {
  const heard: ProgressBody[] = []
  const controller = new AbortController()
  onTestFinished(() => controller.abort())
  const ended = (async () => {
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${token}` }
    const { signal } = controller
    const { body } = await fetch(`${url}/upload-progress/${uploadId}`, { headers, signal })
    let text = ''
    for await (const piece of body ?? []) {
      text += Buffer.from(piece).toString()
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) if (line.startsWith('data: ')) heard.push(JSON.parse(line.slice(6)))
    }
  })()
  ended.catch(() => {})
  return { heard, ended }
}

describe.skipIf(missing !== '')(`what begins at one node and goes on at another${missing}`, () => {
  let cluster: Cluster
  let urls: [string, string, string]
  let accounts = 0

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 3, links: false, env: { LOG_LEVEL: 'debug' } })
    const [a, b, c] = cluster.nodes.map(({ url }) => url)
    urls = [a ?? '', b ?? '', c ?? '']
  })
  afterAll(() => cluster?.close())

  const someone = () => cluster.addUser(`user-${++accounts}`)

  test('a stream whose sender stands still is ended by the next request at another node, and no byte is lost', async () => {
    const { token } = await someone()
    const [a, b, c] = urls
    const bytes = randomBytes(12 * MiB)
    const uploadId = await createTus(a, token, { 'upload-length': String(bytes.length) })
    const first = 6 * MiB + 300 * KiB
    const stalled = stall(a, uploadId, {
      ...{ token, bytes: bytes.subarray(0, first), length: bytes.length },
    })
    await vi.waitFor(async () => {
      const status = await fetch(`${b}/upload-status/${uploadId}`, {
        headers: { authorization: `Bearer ${token}` },
      })
      expect(await status.json()).toMatchObject({ received_chunk_indices: [0] })
    })

    const offset = await offsetOf(b, uploadId, token)
    const answer = await patchTus(c, uploadId, { offset, bytes: bytes.subarray(offset), token })

    expect(offset).toBe(first)
    expect([answer.status, await stalled]).toEqual([204, 204])
    expect((await pollToEnd(a, uploadId)).at(-1)).toMatchObject({
      status: 'completed',
      sha256: sha256(bytes),
    })
  })

  test('pieces of a file that come to different nodes at once are joined at any of them', async () => {
    const { token, channelId } = await someone()
    const bytes = randomBytes(21 * MiB)
    const cuts = [0, 7 * MiB + 5, 14 * MiB, bytes.length]
    const parts = await Promise.all(
      urls.map(async (url, at) => {
        const piece = bytes.subarray(cuts[at], cuts[at + 1])
        const headers = { 'upload-concat': 'partial', 'upload-length': String(piece.length) }
        const id = await createTus(url, token, headers)
        const half = Math.floor(piece.length / 2)
        // Half of it here, and the rest at the next node.
        const [one, other] = [url, urls[(at + 1) % 3] ?? url]
        const half1 = await patchTus(one, id, { offset: 0, bytes: piece.subarray(0, half), token })
        const half2 = await patchTus(other, id, {
          offset: half,
          bytes: piece.subarray(half),
          token,
        })
        expect([half1.status, half2.status]).toEqual([204, 204])
        return id
      }),
    )

    const joined = await fetch(`${urls[1]}/files`, {
      method: 'POST',
      headers: tusHeaders(token, {
        'upload-concat': `final;${parts.map((id) => `/files/${id}`).join(' ')}`,
      }),
    })
    expect(joined.status).toBe(201)
    const uploadId = idIn(joined.headers.get('location'))

    expect((await pollToEnd(urls[2], uploadId)).at(-1)).toMatchObject({ status: 'completed' })
    const messages = await cluster.telegram.messages(channelId)
    expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
  })

  test('one chunk that comes to two nodes at once is taken once; other bytes in its place are refused', async () => {
    const { token, channelId } = await someone()
    const bytes = randomBytes(10 * MiB)
    const form = {
      ...{ uploadId: newUploadId(), totalChunks: 2, fileName: 'a.bin', fileSize: bytes.length },
      authToken: token,
    }
    const chunk = (index: number) => bytes.subarray(index * 5 * MiB, (index + 1) * 5 * MiB)

    const sent = [0, 1].flatMap((index) =>
      urls.map((url) => postChunk(url, { ...form, chunkIndex: index, chunk: chunk(index) })),
    )
    const statuses = (await Promise.all(sent)).map(({ status }) => status)
    const others = await Promise.all(
      urls.map((url) => postChunk(url, { ...form, chunkIndex: 0, chunk: randomBytes(5 * MiB) })),
    )
    await postJson(`${urls[1]}/complete-upload`, { uploadId: form.uploadId })

    expect(statuses).toEqual(Array(6).fill(200))
    for (const other of others) {
      expect([other.status, (await other.json()).code]).toEqual([409, 'CHUNK_DIFFERS'])
    }
    expect((await pollToEnd(urls[2], form.uploadId)).at(-1)).toMatchObject({ status: 'completed' })
    const messages = await cluster.telegram.messages(channelId)
    expect(messages.map((message) => message.sha256)).toEqual([sha256(bytes)])
  })

  test('listeners at each node hear how an upload goes on, never back, and of its end once', async () => {
    const { token } = await someone()
    const bytes = randomBytes(40 * MiB)
    const uploadId = newUploadId()
    await sendChunks(urls[0], 'a.bin', bytes, { token, uploadId, order: [0, 1] })
    const listeners = urls.map((url) => listen(url, uploadId, token))
    await sendChunks(urls[1], 'a.bin', bytes, { token, uploadId, order: [2, 3, 4, 5, 6, 7] })
    await postJson(`${urls[2]}/complete-upload`, { uploadId })

    for (const { heard, ended } of listeners) {
      await ended
      const percents = heard.map(({ progress }) => progress)
      expect(percents).toEqual(percents.toSorted((one, other) => one - other))
      expect(heard.filter(({ status }) => status !== 'uploading')).toHaveLength(1)
      expect(heard.at(-1)).toMatchObject({ status: 'completed', progress: 100 })
      expect(heard.some(({ phase }) => phase === 'sending')).toBe(true)
    }
  })

  test('an upload that is cancelled at one node ends for the listeners of all', async () => {
    const { token } = await someone()
    const bytes = randomBytes(40 * MiB)
    const uploadId = newUploadId()
    await sendChunks(urls[0], 'a.bin', bytes, { token, uploadId, order: [0, 1, 2] })
    const listeners = urls.map((url) => listen(url, uploadId, token))
    for (const { heard } of listeners) {
      await vi.waitFor(() => expect(heard.at(-1)).toMatchObject({ phase: 'sending' }))
    }

    const cancelled = await postJson(`${urls[1]}/cancel-upload`, { uploadId, authToken: token })

    expect(cancelled.status).toBe(200)
    for (const { heard, ended } of listeners) {
      await ended
      expect(heard.map(({ phase }) => phase).filter((phase) => phase === 'cancelled')).toHaveLength(
        1,
      )
    }
  })

  test('a file in one request to any node is answered when it is in Telegram, and every socket hears of it', async () => {
    const { token } = await someone()
    const heard = urls.map(() => new Map<string, ProgressBody[]>())
    for (const [at, url] of urls.entries()) {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/me?token=${token}`)
      onTestFinished(() => socket.close())
      socket.addEventListener('message', ({ data }) => {
        const told = JSON.parse(String(data)) as ProgressBody
        if (told.status === undefined) return
        heard[at]?.set(told.uploadId, [...(heard[at]?.get(told.uploadId) ?? []), told])
      })
      await new Promise((resolve) => socket.addEventListener('open', resolve))
    }

    const answers = await Promise.all(
      urls.map(async (url, at) => {
        const form = new FormData()
        form.append('authToken', token)
        form.append('file', new Blob([randomBytes(3 * MiB)]), `${at}.bin`)
        return fetch(`${url}/upload`, { method: 'POST', body: form })
      }),
    )

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
    for (const each of heard) {
      await vi.waitFor(() => {
        const ends = [...each.values()].map((told) => told.at(-1)?.status)
        expect(ends).toEqual(['completed', 'completed', 'completed'])
      })
      for (const told of each.values()) {
        expect(told.filter(({ status }) => status !== 'uploading')).toHaveLength(1)
      }
    }
  })

  test('a job that changes the library is watched at each node', async () => {
    const { token } = await someone()
    const headers = { authorization: `Bearer ${token}` }
    const files = await Promise.all(
      urls.map(async (url, at) => {
        const bytes = randomBytes(100 * KiB)
        const { uploadId } = await sendChunks(url, `${at}.bin`, bytes, { token })
        await postJson(`${url}/complete-upload`, { uploadId })
        return (await pollToEnd(url, uploadId)).at(-1)?.messageId
      }),
    )
    const [a] = urls
    await vi.waitFor(async () => {
      const library = await (await fetch(`${a}/library`, { headers })).json()
      expect(library.items).toHaveLength(3)
    })

    const job = await postJson(`${a}/library/move`, { items: files, folder: '/Place' }, headers)
    const { uploadId } = (await job.json()) as ProgressBody
    const listeners = urls.map((url) => listen(url, uploadId, token))

    expect(job.status).toBe(202)
    for (const { heard, ended } of listeners) {
      await ended
      expect(heard.filter(({ status }) => status !== 'uploading')).toMatchObject([
        { status: 'completed', progress: 100 },
      ])
    }
  })
})

describe.skipIf(missing !== '')(`nodes that do not reach each other${missing}`, () => {
  test("tell of each other's uploads by the rows, and give a stream that another one has 423", async () => {
    const cluster = await startTestCluster({ nodes: 2 })
    const [a, b] = cluster.nodes
    if (!a || !b) throw new Error('there are two')
    const { token } = await cluster.addUser('somebody')
    const bytes = randomBytes(30 * MiB)
    const length = { 'upload-length': String(bytes.length) }
    const uploadId = await createTus(a.url, token, length)
    const stalled = stall(a.url, uploadId, {
      ...{ token, bytes: bytes.subarray(0, 11 * MiB), length: bytes.length },
    })
    a.peers.close()
    await vi.waitFor(async () => {
      const headers = { authorization: `Bearer ${token}` }
      const status = await fetch(`${b.url}/upload-status/${uploadId}`, { headers })
      expect(await status.json()).toMatchObject({ received_chunk_indices: [0, 1] })
    })

    const { heard, ended } = listen(b.url, uploadId, token)
    const head = { method: 'HEAD', headers: tusHeaders(token) }
    const refused = await fetch(`${b.url}/files/${uploadId}`, head)
    const offset = await offsetOf(a.url, uploadId, token)
    await stalled
    // The node keeps it for some seconds, for a client that stays.
    await vi.waitFor(async () => expect(await offsetOf(b.url, uploadId, token)).toBe(offset))
    const rest = { offset, bytes: bytes.subarray(offset), token }
    const patched = await patchTus(b.url, uploadId, rest)
    await ended

    expect([refused.status, offset, patched.status]).toEqual([423, 11 * MiB, 204])
    expect(heard.at(-1)).toMatchObject({ status: 'completed', progress: 100 })
    expect(heard.filter(({ status }) => status !== 'uploading')).toHaveLength(1)
    const percents = heard.map(({ progress }) => progress)
    expect(percents).toEqual(percents.toSorted((one, other) => one - other))
  })
})
