import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { bytesOf } from '../chaos/random.ts'
import {
  newUploadId,
  pollToEnd,
  postChunk,
  postJson,
  type Sent,
  sendChunks,
  sha256,
} from '../helpers/callers/client.ts'
import type { Cluster, ClusterNode } from '../helpers/cluster/nodes.ts'
import { type PostgresServer, startPostgres } from '../helpers/cluster/postgres-server.ts'
import { missingPrograms } from '../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../helpers/cluster/s3-server.ts'
import { startTestCluster } from '../helpers/cluster/test-nodes.ts'

const missing = missingPrograms('postgres', 'versitygw', 'haproxy')

/** A node that is dead has no lease any more after so long, and another one has looked. */
const TAKEN_OVER_MS = 25_000
const CHUNK = 5 * MiB

describe.skipIf(missing !== '')(`three nodes with one user's account${missing}`, () => {
  let postgres: PostgresServer
  let s3: S3Server

  beforeAll(async () => {
    ;[postgres, s3] = await Promise.all([startPostgres(), startS3()])
  })
  afterAll(() => Promise.all([postgres.stop(), s3.stop()]))

  async function start(env: Record<string, string> = {}) {
    const servers = { postgres, s3 }
    const cluster = await startTestCluster({ nodes: 3, links: false, servers, env })
    const { token, channelId } = await cluster.addUser('ann')
    await cluster.waitUntilReady()
    return { cluster, token, postsOf: () => cluster.telegram.messages(channelId) }
  }

  test('bring files whose chunks come to all of them into the channel once', async () => {
    const { cluster, token, postsOf } = await start()
    const files = [1, 8, 40].map((size) => bytesOf(`sprayed-${size}`, size * MiB + 7))

    const sent = await Promise.all(
      files.map((bytes, at) => sendChunks(cluster.url, `${at}.bin`, bytes, { token, parallel: 4 })),
    )
    for (const { uploadId } of sent) await postJson(`${cluster.url}/complete-upload`, { uploadId })
    for (const { uploadId, bytes } of sent) {
      const end = (await pollToEnd(cluster.url, uploadId)).at(-1)
      expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
    }

    expect((await postsOf()).map((post) => post.sha256).sort()).toEqual(files.map(sha256).sort())
    expect((await cluster.telegram.counters()).keysKilled).toBe(0)
  })

  test('go on with what a killed node has begun, and post it once', async () => {
    const { cluster, token, postsOf } = await start()
    const { sent, carrier, others } = await beginAt(cluster, token)

    await carrier.kill()
    const killedAt = performance.now()
    await cluster.telegram.clearFaults()
    const end = (await pollToEnd(others[0].url, sent.uploadId)).at(-1)

    expect(end).toMatchObject({ status: 'completed', sha256: sha256(sent.bytes) })
    expect(performance.now() - killedAt).toBeLessThan(TAKEN_OVER_MS + 5_000)
    expect((await postsOf()).map((post) => post.sha256)).toEqual([sha256(sent.bytes)])
    expect((await cluster.telegram.counters()).keysKilled).toBe(0)
  })

  test('go on at once with what a node has begun that is told to end', async () => {
    const { cluster, token, postsOf } = await start()
    const { sent, carrier, others } = await beginAt(cluster, token)

    const stopping = carrier.stop()
    const stoppedAt = performance.now()
    await cluster.telegram.clearFaults()
    // A balancer sends it nothing more, and what it has sent by then is answered as ever.
    const statusOf = async (path: string) => (await fetch(`${carrier.url}${path}`)).status
    await vi.waitFor(async () => expect(await statusOf('/readyz')).toBe(503), { interval: 20 })
    expect(await statusOf(`/upload-progress/${sent.uploadId}`)).toBe(200)
    await vi.waitFor(async () => expect(others).toContain(await carrierOf(cluster, sent)), {
      timeout: TAKEN_OVER_MS,
      interval: 50,
    })
    const tookMs = performance.now() - stoppedAt
    expect(await stopping).toBe(0)
    const end = (await pollToEnd(others[0].url, sent.uploadId)).at(-1)

    expect(tookMs).toBeLessThan(5_000)
    expect(end).toMatchObject({ status: 'completed', sha256: sha256(sent.bytes) })
    expect((await postsOf()).map((post) => post.sha256)).toEqual([sha256(sent.bytes)])
    expect((await cluster.telegram.counters()).keysKilled).toBe(0)
  })

  test('cancel at any of them what another one carries, and nothing is posted after the answer', async () => {
    const { cluster, token, postsOf } = await start()
    const { sent, others } = await beginAt(cluster, token)

    const { uploadId } = sent
    const answer = await postJson(`${others[0].url}/cancel-upload`, { uploadId, authToken: token })
    expect(await answer.json()).toMatchObject({ success: true })
    await cluster.telegram.clearFaults()
    // Another file goes the same way meanwhile.
    const bytes = bytesOf('after', 12 * MiB)
    const next = await sendChunks(others[1].url, 'next.bin', bytes, { token })
    await postJson(`${others[0].url}/complete-upload`, { uploadId: next.uploadId })
    await pollToEnd(others[0].url, next.uploadId)

    expect((await postsOf()).map((post) => post.sha256)).toEqual([sha256(bytes)])
    const poll = await fetch(`${others[1].url}/upload-progress/${uploadId}`)
    expect(await poll.json()).toMatchObject({ status: 'failed', phase: 'cancelled' })
  })

  test('take a file of volumes through all of them that does not fit their spool', async () => {
    const volume = 11 * MiB
    const env = { VOLUME_BYTES: String(volume), SPOOL_MAX_BYTES: String(4 * volume) }
    const { cluster, token, postsOf } = await start(env)
    const bytes = bytesOf('volumes', 7 * volume)

    const uploadId = await sprayed(cluster, { fileName: 'film.mkv', bytes, token })
    const end = (await pollToEnd(cluster.url, uploadId)).at(-1)

    expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
    const posts = await postsOf()
    const volumes = posts.filter(({ caption }) => caption.includes('kind=volume-'))
    const numbers = volumes.map(({ caption }) => Number(/kind=volume-(\d+)/.exec(caption)?.[1]))
    // Each of them once, in their order, and the manifest behind them.
    expect(numbers).toEqual(volumes.map((_, at) => at + 1))
    expect(volumes.reduce((sum, { size }) => sum + size, 0)).toBe(bytes.length)
    expect(posts).toHaveLength(volumes.length + 1)
  })
})

/** The node that carries an upload, as its row says. */
async function carrierOf(cluster: Cluster, { uploadId }: Sent): Promise<ClusterNode | undefined> {
  const database = new Client({ connectionString: cluster.databaseUrl })
  await database.connect()
  try {
    const wanted = 'SELECT carrier FROM uploads WHERE id = $1'
    const { rows } = await database.query<{ carrier: string | null }>(wanted, [uploadId])
    return cluster.nodes.find(({ url }) => url === rows[0]?.carrier)
  } finally {
    await database.end()
  }
}

/** A file that is whole, and whose parts Telegram does not acknowledge until its faults are cleared. */
async function beginAt(cluster: Cluster, token: string) {
  const fault = { method: 'upload.saveBigFilePart', effect: { kind: 'silence' }, after: 10 }
  await cluster.telegram.control('/faults', fault)
  const sent = await sendChunks(cluster.url, 'a.bin', bytesOf('held', 30 * MiB), { token })
  await postJson(`${cluster.url}/complete-upload`, { uploadId: sent.uploadId })
  await vi.waitFor(
    async () => expect((await cluster.telegram.counters()).partsReceived).toBeGreaterThan(9),
    { timeout: 20_000 },
  )
  const carrier = await carrierOf(cluster, sent)
  const [one, other] = cluster.nodes.filter((node) => node !== carrier)
  if (!carrier || !one || !other) throw new Error('there are three nodes')
  return { sent, carrier, others: [one, other] as const }
}

/** As a client sends a large file: several chunks at once, and again what finds no room yet. */
async function sprayed(
  cluster: Cluster,
  { fileName, bytes, token }: { fileName: string; bytes: Buffer; token: string },
): Promise<string> {
  const uploadId = newUploadId()
  const totalChunks = Math.ceil(bytes.length / CHUNK)
  const next = Array.from({ length: totalChunks }, (_, index) => index)
  async function send(index: number): Promise<void> {
    const chunk = bytes.subarray(index * CHUNK, (index + 1) * CHUNK)
    const form = { uploadId, totalChunks, fileName, fileSize: bytes.length, authToken: token }
    for (;;) {
      const answer = await postChunk(cluster.url, { ...form, chunkIndex: index, chunk })
      if (answer.ok) return
      if (answer.status !== 503) throw new Error(`${answer.status} ${await answer.text()}`)
      await answer.text()
      await wait(200)
    }
  }
  async function sendInTurn(): Promise<void> {
    for (let index = next.shift(); index !== undefined; index = next.shift()) await send(index)
  }
  await Promise.all([sendInTurn(), sendInTurn(), sendInTurn()])
  await postJson(`${cluster.url}/complete-upload`, { uploadId })
  return uploadId
}
