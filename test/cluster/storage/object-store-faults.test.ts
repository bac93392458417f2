import { createHash, randomBytes } from 'node:crypto'
import { readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ChunkRecord } from '../../../src/core/ports/records.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { sweepObjects } from '../../../src/storage/object-spool/sweep.ts'
import { type CuttingProxy, startCuttingProxy } from '../../helpers/cluster/cutting-proxy.ts'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../../helpers/cluster/s3-server.ts'
import { makeNode, type NodeOptions } from '../../helpers/cluster/test-object-spool.ts'
import { claim, pieces, readAll } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

const missing = missingPrograms('versitygw')
const { signal } = new AbortController()
const QUICK = { attempts: 2, idleMs: 300 }

describe.skipIf(missing !== '')(`a spool in an object store${missing}`, () => {
  let server: S3Server
  let buckets = 0

  beforeAll(async () => {
    server = await startS3()
  })
  afterAll(() => server.stop())

  /** An empty bucket for some nodes, and the rows that all of them see. */
  async function makeCluster() {
    const bucket = `bucket-${++buckets}`
    const folder = await server.createBucket(bucket)
    const rows = new Map<string, ChunkRecord[]>()
    const acknowledged = async (uploadId: string) => rows.get(uploadId) ?? []
    return {
      folder,
      rows,
      node: (options: NodeOptions = {}) => makeNode(server, bucket, { acknowledged, ...options }),
      acknowledge: (uploadId: string, index: number, bytes: Buffer) => {
        const row = { index, size: bytes.length, digest: sha256(bytes) }
        rows.set(uploadId, [...(rows.get(uploadId) ?? []), row])
      },
      objects: async () =>
        (await readdir(folder, { recursive: true, withFileTypes: true })).flatMap((entry) =>
          entry.isFile() ? [join(entry.parentPath, entry.name)] : [],
        ),
    }
  }

  async function makeBreakable(options: NodeOptions = {}) {
    const cluster = await makeCluster()
    const proxy: CuttingProxy = await startCuttingProxy(Number(new URL(server.endpoint).port))
    const endpoint = `http://127.0.0.1:${proxy.port}`
    const node = await cluster.node({ ...options, store: { endpoint, ...options.store } })
    return { ...cluster, ...node, proxy }
  }

  test('what one node has taken every node reads, once its row is there', async () => {
    const { node, acknowledge } = await makeCluster()
    const [a, b] = [await node(), await node()]
    const bytes = randomBytes(2 * MiB)
    const layout = { size: bytes.length, chunkSize: bytes.length }
    await claim(a.spool, 'up', 0, pieces(bytes, 64 * KiB))

    await expect(readAll(b.spool, 'up', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
    acknowledge('up', 0, bytes)

    expect((await readAll(b.spool, 'up', layout)).equals(bytes)).toBe(true)
  })

  test('of two chunks in one place the one with the row is read, at every node', async () => {
    const { node, acknowledge } = await makeCluster()
    const [a, b, c] = [await node(), await node(), await node()]
    const [first, second] = [randomBytes(1000), randomBytes(1000)]
    const layout = { size: 1000, chunkSize: 1000 }
    await claim(a.spool, 'up', 0, pieces(first, 1000))
    const late = await claim(b.spool, 'up', 0, pieces(second, 1000))
    acknowledge('up', 0, first)
    await late.unclaim(spoolUpload('up'), 0)

    for (const { spool } of [a, b, c]) {
      expect((await readAll(spool, 'up', layout)).equals(first)).toBe(true)
    }
  })

  test('a chunk is asked for once, however many read it at once', async () => {
    const { node, acknowledge } = await makeCluster()
    const bytes = randomBytes(MiB)
    await claim((await node()).spool, 'up', 0, pieces(bytes, 64 * KiB))
    acknowledge('up', 0, bytes)
    const { spool, store } = await node()
    let gets = 0
    const { get } = store
    store.get = (...asked) => {
      gets++
      return get(...asked)
    }
    const part = async (n: number) => {
      const target = Buffer.alloc(64 * KiB)
      await spool.read(spoolUpload('up'), { size: MiB, chunkSize: MiB }, n * target.length, target)
      return target
    }

    const parts = await Promise.all(Array.from({ length: 16 }, (_, n) => part(n)))

    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
    expect(gets).toBe(1)
  })

  test('the disk keeps copies within a bound, and what has gone comes again', async () => {
    const { node } = await makeCluster()
    const { spool, copies } = await node({ maxCacheBytes: 3 * MiB })
    const bytes = randomBytes(8 * MiB)
    for (let index = 0; index < 8; index++) {
      const chunk = bytes.subarray(index * MiB, (index + 1) * MiB)
      await claim(spool, 'up', index, pieces(chunk, 64 * KiB))
      expect((await copies()).length).toBeLessThanOrEqual(3)
    }

    const layout = { size: bytes.length, chunkSize: MiB }
    const reads = await Promise.all([1, 2, 3].map(() => readAll(spool, 'up', layout)))

    for (const read of reads) expect(read.equals(bytes)).toBe(true)
    expect((await copies()).length).toBeLessThanOrEqual(4)
  })

  test('a node that starts trusts nothing on its disk', async () => {
    const { node } = await makeCluster()
    const { spool, copies } = await node()
    await claim(spool, 'up', 0, pieces(randomBytes(1000), 1000))
    expect(await copies()).toHaveLength(1)

    expect(await (await node()).copies()).toEqual([])
  })

  test('the store refuses bytes that are not those of the digest', async () => {
    const { node, objects } = await makeCluster()
    const { store } = await node({ store: QUICK })
    const read = () => pieces(randomBytes(1000), 100)

    const put = store.put('spool/up/0-x', { size: 1000, digest: sha256(randomBytes(1000)), read })

    await expect(put).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    expect(await objects()).toEqual([])
  })

  test('an object that was damaged, or is gone, is SPOOL_DAMAGED', async () => {
    const { node, acknowledge, objects } = await makeCluster()
    const bytes = randomBytes(1000)
    const layout = { size: 1000, chunkSize: 1000 }
    await claim((await node()).spool, 'up', 0, pieces(bytes, 100))
    acknowledge('up', 0, bytes)
    const [path = ''] = await objects()

    await writeFile(path, randomBytes(1000))
    await expect(readAll((await node()).spool, 'up', layout)).rejects.toMatchObject({
      code: 'SPOOL_DAMAGED',
    })
    await rm(path)
    await expect(readAll((await node()).spool, 'up', layout)).rejects.toMatchObject({
      code: 'SPOOL_DAMAGED',
    })
  })

  test('a store that is gone is SPOOL_FAILED, soon without being asked, and comes back', async () => {
    const circuit = { failures: 2, lastingMs: 0, firstBreakMs: 200 }
    const { spool, proxy, unclaimed, store } = await makeBreakable({ store: { ...QUICK, circuit } })
    const chunk = await spool.receive(pieces(randomBytes(MiB), 64 * KiB), {
      maxBytes: MiB,
      signal,
    })
    const failure = {
      code: 'SPOOL_FAILED',
      status: 503,
      retryable: true,
      message: 'The object store cannot be used right now',
    }
    proxy.close()

    await expect(chunk.claim(spoolUpload('up'), 0)).rejects.toMatchObject(failure)
    await expect(spool.check()).rejects.toMatchObject(failure)
    expect(store.circuit.state).toBe('open')
    const { connections } = proxy
    await expect(spool.check()).rejects.toMatchObject(failure)
    expect(proxy.connections).toBe(connections)
    expect(await unclaimed()).toBe(1)

    proxy.open()
    await expect
      .poll(() =>
        spool.check().then(
          () => 'well',
          () => 'ill',
        ),
      )
      .toBe('well')
    await chunk.claim(spoolUpload('up'), 0)
    expect(await spool.chunkFileSize(spoolUpload('up'), 0)).toBe(MiB)
    expect(await unclaimed()).toBe(0)
  })

  test('connections that are cut in the middle are made again', async () => {
    const { spool, proxy, acknowledge, node } = await makeBreakable()
    const bytes = randomBytes(2 * MiB)
    const { digest } = await claimCut()
    acknowledge('up', 0, bytes)
    expect(digest).toBe(sha256(bytes))

    proxy.cutAt('GET /', 'at the answer')
    const other = await node({ store: { endpoint: `http://127.0.0.1:${proxy.port}` } })
    const layout = { size: bytes.length, chunkSize: bytes.length }
    expect((await readAll(other.spool, 'up', layout)).equals(bytes)).toBe(true)

    async function claimCut() {
      const chunk = await spool.receive(pieces(bytes, 64 * KiB), { maxBytes: 4 * MiB, signal })
      proxy.cutAt('PUT /', 'at the answer')
      await chunk.claim(spoolUpload('up'), 0)
      return chunk
    }
  })

  test('a store that stands still is given up', async () => {
    const { spool, proxy } = await makeBreakable({ store: QUICK })
    const chunk = await spool.receive(pieces(randomBytes(1000), 100), { maxBytes: MiB, signal })
    proxy.freeze()

    await expect(chunk.claim(spoolUpload('up'), 0)).rejects.toMatchObject({ code: 'SPOOL_FAILED' })

    proxy.thaw()
    await chunk.claim(spoolUpload('up'), 0)
  })

  test.each([
    ['a wrong secret', { secretAccessKey: 'wrong' }],
    ['a bucket that is not there', { bucket: 'none' }],
  ])('%s is SPOOL_FAILED, and no damage', async (_name, store) => {
    const { node, acknowledge } = await makeCluster()
    acknowledge('up', 0, Buffer.alloc(10))
    const { spool } = await node({ store: { ...QUICK, ...store } })

    await expect(spool.check()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    await expect(readAll(spool, 'up', { size: 10, chunkSize: 10 })).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
    })
  })

  test('a stream goes on at another node, from every byte that its sender was told of', async () => {
    const { node, acknowledge, objects } = await makeCluster()
    const nodes = [await node(), await node(), await node()] as const
    const bytes = randomBytes(2500)
    const name = { upload: spoolUpload('up'), index: 0 }
    const append = (at: 0 | 1 | 2, from: number, to: number) =>
      nodes[at].spool.append(name, pieces(bytes.subarray(from, to), 100), {
        targetBytes: 2500,
        signal,
      })
    async function* breaking() {
      yield* pieces(bytes.subarray(700, 1200), 100)
      throw new Error('the connection broke')
    }

    await append(0, 0, 700)
    const broken = nodes[1].spool.append(name, breaking(), { targetBytes: 2500, signal })
    await expect(broken).rejects.toThrow('the connection broke')
    for (const { spool } of nodes) expect(await spool.partialBytes(name)).toBe(1200)
    const { whole } = await append(2, 1200, 2500)
    expect(whole?.digest).toBe(sha256(bytes))
    await whole?.claim(spoolUpload('up'), 0)
    acknowledge('up', 0, bytes)
    await whole?.discard()

    const read = await readAll(nodes[0].spool, 'up', { size: 2500, chunkSize: 2500 })
    expect(read.equals(bytes)).toBe(true)
    expect(await objects()).toHaveLength(1)
  })

  test('a chunk that was made of pieces and got no row is pieces again', async () => {
    const { node } = await makeCluster()
    const { spool } = await node()
    const bytes = randomBytes(900)
    const name = { upload: spoolUpload('up'), index: 0 }
    const limits = { targetBytes: 900, signal }
    await spool.append(name, pieces(bytes.subarray(0, 400), 100), limits)
    const { whole } = await spool.append(name, pieces(bytes.subarray(400), 100), limits)
    await whole?.claim(spoolUpload('up'), 0)
    await whole?.unclaim(spoolUpload('up'), 0)

    const other = await node()
    expect(await other.spool.partialBytes(name)).toBe(900)
    const again = await other.spool.append(name, pieces(Buffer.alloc(0), 1), limits)
    expect(again.whole?.digest).toBe(sha256(bytes))
  })

  test('bytes of a stream that the store did not take are not told as taken', async () => {
    const { spool, proxy, node } = await makeBreakable({ store: QUICK })
    const name = { upload: spoolUpload('up'), index: 0 }
    const limits = { targetBytes: 900, signal }
    await spool.append(name, pieces(randomBytes(300), 100), limits)
    async function* source() {
      yield* pieces(randomBytes(300), 100)
      proxy.close()
    }

    await expect(spool.append(name, source(), limits)).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
    })

    expect(await (await node()).spool.partialBytes(name)).toBe(300)
  })

  test('an id that is opened again loses nothing to a node that removes the upload before', async () => {
    const { node, acknowledge, objects } = await makeCluster()
    const [a, b] = [await node(), await node()]
    const [before, anew] = [spoolUpload('up', 1), spoolUpload('up', 2)]
    const layout = { size: 200, chunkSize: 100 }
    const bytes = randomBytes(200)
    await claim(a.spool, before, 0, pieces(randomBytes(100), 100))
    await b.spool.append({ upload: before, index: 1 }, pieces(bytes.subarray(0, 50), 50), {
      targetBytes: 100,
      signal,
    })
    await claim(b.spool, anew, 0, pieces(bytes.subarray(0, 100), 100))
    acknowledge('up', 0, bytes.subarray(0, 100))
    await b.spool.append({ upload: anew, index: 1 }, pieces(bytes.subarray(100, 150), 50), {
      targetBytes: 100,
      signal,
    })

    await a.spool.remove(before)

    expect(await objects()).toHaveLength(2)
    expect(await a.spool.partialBytes({ upload: anew, index: 1 })).toBe(50)
    const rest = pieces(bytes.subarray(150), 50)
    const { whole } = await a.spool.append({ upload: anew, index: 1 }, rest, {
      targetBytes: 100,
      signal,
    })
    await whole?.claim(anew, 1)
    acknowledge('up', 1, bytes.subarray(100))
    expect(await readAll(a.spool, anew, layout)).toEqual(bytes)
    expect(await readAll(b.spool, anew, layout)).toEqual(bytes)
  })

  test('what a node knows of an upload is not taken for the next one of its id', async () => {
    const { node, acknowledge, rows } = await makeCluster()
    const [a, b] = [await node(), await node()]
    const [before, anew] = [spoolUpload('up', 1), spoolUpload('up', 2)]
    const layout = { size: 100, chunkSize: 100 }
    const [old, bytes] = [randomBytes(100), randomBytes(100)]
    await claim(a.spool, before, 0, pieces(old, 100))
    acknowledge('up', 0, old)
    expect(await readAll(a.spool, before, layout)).toEqual(old)
    expect(await readAll(b.spool, before, layout)).toEqual(old)

    rows.delete('up')
    const c = await node()
    await claim(c.spool, anew, 0, pieces(bytes, 100))
    acknowledge('up', 0, bytes)

    for (const { spool } of [a, b, c]) expect(await readAll(spool, anew, layout)).toEqual(bytes)
  })

  test.each(['damaged', 'gone'])(
    'a chunk whose object is %s is read again once it was stored once more',
    async (harm) => {
      const { node, acknowledge, objects } = await makeCluster()
      const bytes = randomBytes(1000)
      const layout = { size: 1000, chunkSize: 1000 }
      const { spool } = await node({ maxCacheBytes: 0 })
      await claim(spool, 'up', 0, pieces(bytes, 1000))
      acknowledge('up', 0, bytes)
      // Another chunk takes the place of its copy on the node's disk.
      await claim(spool, 'other', 0, pieces(randomBytes(1000), 1000))
      const [path = ''] = (await objects()).filter((object) => object.includes('/up/'))
      if (harm === 'gone') await rm(path)
      else await writeFile(path, randomBytes(1000))
      await expect(readAll(spool, 'up', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })

      const other = await node()
      await claim(other.spool, 'up', 0, pieces(bytes, 1000))

      expect(await readAll(spool, 'up', layout)).toEqual(bytes)
    },
  )

  test('a damaged piece of a chunk goes, so that its sender goes on before it', async () => {
    const { node, objects } = await makeCluster()
    const name = { upload: spoolUpload('up'), index: 0 }
    const limits = { targetBytes: 300, signal }
    const bytes = randomBytes(300)
    const { spool } = await node()
    for (const at of [0, 100]) {
      await spool.append(name, pieces(bytes.subarray(at, at + 100), 100), limits)
    }
    const [path = ''] = (await objects()).filter((object) => object.includes('/100-200-'))
    await writeFile(path, randomBytes(100))

    const { spool: other } = await node()
    const last = other.append(name, pieces(bytes.subarray(200), 100), limits)

    await expect(last).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
    expect(await other.partialBytes(name)).toBe(100)
    const { whole } = await other.append(name, pieces(bytes.subarray(100), 100), limits)
    expect(whole?.digest).toBe(sha256(bytes))
  })

  test('a sweep takes what is left of an upload whose id was opened again', async () => {
    const { node, objects, rows, acknowledge } = await makeCluster()
    const { spool, store, indexes } = await node()
    const [before, anew] = [spoolUpload('up', 1), spoolUpload('up', 2)]
    const bytes = randomBytes(100)
    await claim(spool, before, 0, pieces(bytes, 100))
    await claim(spool, anew, 0, pieces(bytes, 100))
    acknowledge('up', 0, bytes)
    const old = new Date(Date.now() - 7_200_000)
    for (const path of await objects()) await utimes(path, old, old)

    const ledger = {
      findUpload: async () => makeUpload(anew),
      chunks: async () => rows.get('up') ?? [],
    }
    const removed = await sweepObjects({ store, ledger, minAgeMs: 3_600_000, signal })

    expect(removed).toBe(1)
    expect(await indexes(anew)).toEqual({ chunks: [0], partial: [] })
    expect(await indexes(before)).toEqual({ chunks: [], partial: [] })
  })

  test('a node says how much its own disk takes, copies of chunks not counted', async () => {
    const { node } = await makeCluster()
    const { spool } = await node()
    const before = await spool.incomingSpace?.()
    await claim(spool, 'up', 0, pieces(randomBytes(4 * MiB), MiB))

    expect(await spool.space()).toMatchObject({ freeBytes: Number.POSITIVE_INFINITY })
    expect(before?.freeBytes).toBeGreaterThan(0)
    expect(before?.freeBytes).toBeLessThan(before?.totalBytes ?? 0)
  })

  test('an upload of more objects than one page of a list has goes whole', async () => {
    const { node, objects } = await makeCluster()
    const { spool, indexes } = await node()
    const bytes = randomBytes(10)
    await claim(spool, 'other', 0, pieces(bytes, 10))
    for (let from = 0; from < 1_050; from += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, n) => claim(spool, 'up', from + n, pieces(bytes, 10))),
      )
    }
    expect((await indexes(spoolUpload('up'))).chunks).toHaveLength(1_050)

    await spool.remove(spoolUpload('up'))

    expect(await objects()).toHaveLength(1)
  })

  test('a sweep takes what is old and has no row, and nothing else', async () => {
    const { node, objects, rows, acknowledge } = await makeCluster()
    const { spool, store, indexes } = await node()
    const bytes = randomBytes(100)
    const limits = { targetBytes: 200, signal }
    for (const uploadId of ['live', 'ended']) {
      await claim(spool, uploadId, 0, pieces(bytes, 100))
      await claim(spool, uploadId, 1, pieces(bytes, 100))
    }
    await spool.append({ upload: spoolUpload('live'), index: 2 }, pieces(bytes, 100), limits)
    acknowledge('live', 0, bytes)
    const old = new Date(Date.now() - 7_200_000)
    for (const path of await objects()) await utimes(path, old, old)
    await claim(spool, 'ended', 2, pieces(bytes, 100))

    const removed = await sweepObjects({
      store,
      ledger: {
        findUpload: async (id) => (rows.has(id) ? makeUpload(spoolUpload(id)) : null),
        chunks: async (id) => rows.get(id) ?? [],
      },
      minAgeMs: 3_600_000,
      signal,
    })

    expect(removed).toBe(3)
    expect(await indexes(spoolUpload('live'))).toEqual({ chunks: [0], partial: [2] })
    expect(await indexes(spoolUpload('ended'))).toEqual({ chunks: [2], partial: [] })
  })
})

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
