import { createHash, randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { KiB } from '../../src/lib/units.ts'
import {
  downloadUrl,
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { createTus, idIn, offsetOf, patchTus, tusHeaders } from '../helpers/callers/tus.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

/**
 * Requests that meet at one upload, on a ledger whose calls take some turns of the event loop and
 * overtake each other, as those of one behind a network do. Each seed is another order.
 *
 * `LEDGER_DELAYS=<seed> npm exec -- vitest run test/http` runs the other suites on such a ledger.
 */
describe.each([1, 2, 3])('on a delayed ledger, seed %i', (ledgerDelays) => {
  const token = 'token-ann'
  const chunkSize = 40 * KiB

  async function start(env: Record<string, string> = {}, dataDir?: string) {
    const gateway = createFakeGateway()
    const worker = await startWorker({
      env,
      gateway,
      credentials: testCredentials,
      ledgerDelays,
      ...(dataDir !== undefined && { dataDir }),
    })
    const cancel = (uploadId: string) => postJson(`${worker.url}/cancel-upload`, { uploadId })
    const complete = (uploadId: string) => postJson(`${worker.url}/complete-upload`, { uploadId })
    const endOf = async (uploadId: string) => (await pollToEnd(worker.url, uploadId)).at(-1)
    const folders = () => readdir(join(worker.dataDir, 'spool', 'uploads'))
    return { ...worker, gateway, cancel, complete, endOf, folders }
  }

  test('all chunks at once, each of them twice, make the file', async () => {
    const { url, gateway, complete, endOf } = await start()
    const bytes = randomBytes(6 * chunkSize - 7)
    const order = [0, 5, 1, 4, 2, 3, 3, 2, 4, 1, 5, 0]

    const sent = { token, chunkSize, order, parallel: order.length }
    const { uploadId } = await sendChunks(url, 'a.bin', bytes, sent)
    await complete(uploadId)

    expect(await endOf(uploadId)).toMatchObject({ status: 'completed' })
    expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
  })

  test('a file that is sent on while it comes is sent whole', async () => {
    const { url, gateway, complete, endOf } = await start()
    gateway.early = true
    const bytes = randomBytes(8 * chunkSize)

    const { uploadId } = await sendChunks(url, 'a.bin', bytes, { token, chunkSize, parallel: 3 })
    await complete(uploadId)

    expect(await endOf(uploadId)).toMatchObject({ status: 'completed' })
    expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
  })

  test.each([
    ['of the user', { MAX_UPLOADS_PER_USER: '1' }, 429],
    ['of the spool', { SPOOL_MAX_BYTES: '1000' }, 507],
  ])('of uploads that open at once one gets the last place %s', async (_name, env, refusal) => {
    const { url, adapters } = await start(env)
    const open = () =>
      postJson(`${url}/init-upload`, {
        uploadId: newUploadId(),
        totalChunks: 1,
        fileName: 'a',
        fileSize: 600,
        authToken: token,
      })

    const answers = await Promise.all([open(), open(), open(), open()])

    const statuses = answers.map(({ status }) => status).sort()
    expect(statuses).toEqual([200, refusal, refusal, refusal])
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(600)
  })

  test('an upload that is cancelled while its chunks come is gone from the disk', async () => {
    const { url, adapters, cancel, folders } = await start()
    const form = { uploadId: newUploadId(), totalChunks: 5, fileName: 'a', fileSize: 50 }
    const send = (chunkIndex: number) =>
      postChunk(url, { ...form, chunkIndex, authToken: token, chunk: randomBytes(10) })
    await send(0)

    const [cancelled, ...answers] = await Promise.all([
      cancel(form.uploadId),
      ...[1, 2, 3, 4].map(send),
    ])

    expect(cancelled.status).toBe(200)
    for (const { status } of answers) expect([200, 410]).toContain(status)
    expect((await send(1)).status).toBe(410)
    expect(await folders()).toEqual([])
    expect(await adapters.ledger.chunks(form.uploadId)).toEqual([])
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  })

  test('complete and cancel at once: it is cancelled, or in Telegram, and all say the same', async () => {
    const { url, gateway, cancel, complete, endOf, folders } = await start()
    const files = await Promise.all(
      Array.from({ length: 6 }, () => sendChunks(url, 'a', randomBytes(100), { token })),
    )

    for (const { uploadId } of files) {
      const posted = gateway.posted.length
      const [completed, cancelled] = await Promise.all([complete(uploadId), cancel(uploadId)])
      const end = await endOf(uploadId)

      expect([200, 202, 410]).toContain(completed.status)
      expect(cancelled.status).toBe(200)
      const inTelegram = end?.status === 'completed'
      expect(end?.phase).toBe(inTelegram ? 'completed' : 'cancelled')
      expect(gateway.posted).toHaveLength(posted + (inTelegram ? 1 : 0))
    }
    await vi.waitFor(async () => expect(await folders()).toEqual([]))
  })

  test('an upload that is completed by several requests is posted once', async () => {
    const { url, gateway, complete, endOf } = await start()
    const { uploadId } = await sendChunks(url, 'a', randomBytes(100), { token })

    const answers = await Promise.all(Array.from({ length: 5 }, () => complete(uploadId)))
    await endOf(uploadId)

    for (const answer of answers) expect(answer.ok).toBe(true)
    expect(gateway.posted).toHaveLength(1)
  })

  test('requests that wait for the end of their file hear it', async () => {
    const { url, gateway } = await start()
    const send = (index: number) => {
      const form = new FormData()
      form.append('file', new Blob([randomBytes(100 + index)]), `${index}.bin`)
      form.append('authToken', token)
      return fetch(`${url}/upload`, { method: 'POST', body: form })
    }

    const answers = await Promise.all(Array.from({ length: 8 }, (_, index) => send(index)))

    for (const answer of answers) expect(answer.status).toBe(200)
    expect(gateway.posted).toHaveLength(8)
  })

  test('a list of uploads, asked for while they come, has each of them once', async () => {
    const { url } = await start()
    const jobs = async (): Promise<{ uploadId: string; receivedBytes: number }[]> => {
      const headers = { authorization: `Bearer ${token}` }
      const answer = await fetch(`${url}/jobs`, { headers })
      return ((await answer.json()) as { jobs: { uploadId: string; receivedBytes: number }[] }).jobs
    }

    const sent = Promise.all(
      ['a', 'b', 'c'].map((name) =>
        sendChunks(url, name, Buffer.alloc(3 * chunkSize), { token, chunkSize, parallel: 3 }),
      ),
    )
    const lists = await Promise.all([jobs(), jobs(), jobs(), jobs()])
    const ids = (await sent).map(({ uploadId }) => uploadId)

    for (const list of lists) {
      const listed = list.map(({ uploadId }) => uploadId)
      expect(new Set(listed).size).toBe(listed.length)
    }
    const last = await jobs()
    expect(last.map(({ uploadId }) => uploadId).sort()).toEqual(ids.sort())
    for (const { receivedBytes } of last) expect(receivedBytes).toBe(3 * chunkSize)
  })

  test('links that are made while links are revoked open their file, or say that they are revoked', async () => {
    const { url } = await start()
    const { messageId } = await uploadFile(url, 'a.bin', randomBytes(100), { token })
    const issue = async (): Promise<string> => {
      const answer = await postJson(`${url}/tickets`, { messageId, authToken: token })
      expect(answer.status).toBe(200)
      return ((await answer.json()) as { url: string }).url
    }
    const revoke = async (): Promise<void> => {
      const headers = { authorization: `Bearer ${token}` }
      await fetch(`${url}/tickets`, { method: 'DELETE', headers })
    }

    const links = await Promise.all([issue(), revoke(), issue(), revoke(), issue()])

    for (const link of links) {
      if (link === undefined) continue
      expect([200, 401]).toContain((await fetch(new URL(link, url))).status)
    }
    expect((await fetch(new URL(await issue(), url))).status).toBe(200)
    expect((await fetch(downloadUrl(url, messageId, token))).status).toBe(200)
  })

  test('bytes of a tus upload in the first moments of the worker are kept', async () => {
    const { url, gateway } = await start()
    const bytes = randomBytes(2000)
    const checksum = `sha1 ${createHash('sha1').update(bytes).digest('base64')}`

    const uploadId = await createTus(url, token, { 'upload-length': '2000' })
    const headers = { 'upload-checksum': checksum }
    const answer = await patchTus(url, uploadId, { offset: 0, bytes, headers })

    expect([answer.status, answer.headers.get('upload-offset')]).toEqual([204, '2000'])
    await vi.waitFor(() => expect(gateway.posted.map((each) => each.bytes)).toEqual([bytes]))
  })

  test('two tus requests with the same bytes at once: no byte is lost, and none comes twice', async () => {
    const { url, gateway } = await start()
    const bytes = randomBytes(5000)
    const uploadId = await createTus(url, token, { 'upload-length': '5000' })

    await Promise.all([
      patchTus(url, uploadId, { offset: 0, bytes: bytes.subarray(0, 3000) }),
      patchTus(url, uploadId, { offset: 0, bytes: bytes.subarray(0, 3000) }),
    ])
    const offset = await offsetOf(url, uploadId)
    await patchTus(url, uploadId, { offset, bytes: bytes.subarray(offset) })

    await vi.waitFor(() => expect(gateway.posted.map((each) => each.bytes)).toEqual([bytes]))
  })

  test('parts that two requests join at once become one upload', async () => {
    const { url, gateway, adapters } = await start()
    const pieces = [randomBytes(2000), randomBytes(7), randomBytes(3000)]
    const parts = await Promise.all(
      pieces.map(async (bytes) => {
        const headers = { 'upload-length': String(bytes.length), 'upload-concat': 'partial' }
        const id = await createTus(url, token, headers)
        await patchTus(url, id, { offset: 0, bytes })
        return id
      }),
    )
    const joinAll = () => {
      const concat = `final;${parts.map((id) => `/files/${id}`).join(' ')}`
      const headers = tusHeaders(token, { 'upload-concat': concat })
      return fetch(`${url}/files`, { method: 'POST', headers })
    }

    const answers = await Promise.all([joinAll(), joinAll()])

    const ids = answers.map((answer) => idIn(answer.headers.get('location')))
    expect(answers.map(({ status }) => status)).toEqual([201, 201])
    expect(ids[0]).toBe(ids[1])
    await pollToEnd(url, ids[0] ?? '')
    expect(gateway.posted.map((each) => each.bytes)).toEqual([Buffer.concat(pieces)])
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  })

  test('parts that are joined and deleted at once are a file, or nothing', async () => {
    const { url, gateway, endOf, folders } = await start()
    const headers = { 'upload-length': '10', 'upload-concat': 'partial' }
    const partId = await createTus(url, token, headers)
    await patchTus(url, partId, { offset: 0, bytes: randomBytes(10) })

    const [joined, deleted] = await Promise.all([
      fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(token, { 'upload-concat': `final;/files/${partId}` }),
      }),
      fetch(`${url}/files/${partId}`, { method: 'DELETE', headers: tusHeaders(token) }),
    ])

    expect([204, 404, 410, 423]).toContain(deleted.status)
    if (joined.status === 201) await endOf(idIn(joined.headers.get('location')))
    else expect([404, 410, 423]).toContain(joined.status)
    expect(gateway.posted).toHaveLength(joined.status === 201 ? 1 : 0)
    await vi.waitFor(async () => expect(await folders()).toEqual([]))
  })

  test('after a restart all that was unfinished goes on', async () => {
    const dataDir = await makeTempDir()
    const first = await start({}, dataDir)
    const bytes = randomBytes(3 * chunkSize)
    const half = { token, chunkSize, order: [0, 1] }
    const { uploadId } = await sendChunks(first.url, 'a.bin', bytes, half)
    const tusId = await createTus(first.url, token, { 'upload-length': '3000' })
    await patchTus(first.url, tusId, { offset: 0, bytes: bytes.subarray(0, 1000) })
    await first.close()

    const second = await start({}, dataDir)
    const offset = await offsetOf(second.url, tusId)
    await patchTus(second.url, tusId, { offset, bytes: bytes.subarray(offset, 3000) })
    await sendChunks(second.url, 'a.bin', bytes, { token, chunkSize, order: [2], uploadId })
    await second.complete(uploadId)
    await Promise.all([second.endOf(uploadId), second.endOf(tusId)])

    const digests = second.gateway.posted.map((each) => sha256(each.bytes)).sort()
    expect(digests).toEqual([sha256(bytes), sha256(bytes.subarray(0, 3000))].sort())
  })
})
