import { readdir } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type ByteRequest, inEvictionOrder } from '../../../src/http/guards/byte-pool.ts'
import {
  createUnclaimedBudget,
  type UnclaimedLimits,
} from '../../../src/http/guards/unclaimed-budget.ts'
import { MiB } from '../../../src/lib/units.ts'
import { newUploadId, postChunk } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { mountSmallDisk } from '../../helpers/storage/small-disk.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const IMPATIENT: UnclaimedLimits = { waitMs: 200, evictAfterMs: 10, protectedMs: 0 }
const LONG: UnclaimedLimits = { waitMs: 60_000, evictAfterMs: 10, protectedMs: 0 }

function createBudget(limits: UnclaimedLimits, freeBytes = 1024 * MiB) {
  const free = async () => freeBytes
  return createUnclaimedBudget({ unclaimedBytes: free, freeBytes: free }, limits)
}

function incoming(
  address: string,
  megabytes: number,
  more: Partial<ByteRequest> = {},
): ByteRequest {
  const { signal } = new AbortController()
  return { address, bytes: megabytes * MiB, signal, evict: () => false, ...more }
}

test.each<[string, [string, string, number, number][], string, string[]]>([
  ['without holders there is no one to evict', [], 'new', []],
  [
    'the address that holds most is first, its oldest request before the others',
    [
      ['a1', 'a', 10, 5],
      ['b1', 'b', 10, 9],
      ['b2', 'b', 10, 7],
      ['c1', 'c', 5, 1],
    ],
    'new',
    ['b2', 'b1', 'a1', 'c1'],
  ],
  [
    'only addresses that hold more than the waiting one lose a request',
    [
      ['a1', 'a', 20, 1],
      ['b1', 'b', 10, 2],
      ['b2', 'b', 10, 3],
      ['c1', 'c', 30, 4],
    ],
    'b',
    ['c1'],
  ],
  ['an address evicts none of its own requests', [['a1', 'a', 50, 1]], 'a', []],
])('%s', (_name, held, forAddress, expected) => {
  const holders = held.map(([name, address, bytes, since]) => ({ name, address, bytes, since }))

  expect(inEvictionOrder(holders, forAddress).map(({ name }) => name)).toEqual(expected)
})

test('a request of the address that holds most is evicted for a stranger', async () => {
  const budget = createBudget(LONG)
  const evict = vi.fn(() => true)
  await budget.take(incoming('slow', 50, { evict }))
  const other = vi.fn(() => true)
  await budget.take(incoming('other', 10, { evict: other }))

  await budget.take(incoming('new', 5))

  expect(evict).toHaveBeenCalledOnce()
  expect(other).not.toHaveBeenCalled()
})

test('a request of a trusted address is evicted for another trusted address', async () => {
  const budget = createBudget(LONG, 100 * MiB)
  for (const address of ['greedy', 'modest']) budget.trust(address)
  const evict = vi.fn(() => true)
  await budget.take(incoming('greedy', 50, { evict }))

  await budget.take(incoming('modest', 5))

  expect(evict).toHaveBeenCalledOnce()
})

test('a request that is protected, or cannot be ended, is not evicted', async () => {
  const young = createBudget({ ...IMPATIENT, protectedMs: 60_000 })
  const evict = vi.fn(() => true)
  await young.take(incoming('young', 64, { evict }))
  const stuck = createBudget(IMPATIENT)
  await stuck.take(incoming('stuck', 64, { evict: () => false }))

  for (const budget of [young, stuck]) {
    await expect(budget.take(incoming('new', 1))).rejects.toMatchObject({ code: 'BUSY' })
  }

  expect(evict).not.toHaveBeenCalled()
})

test('each user has a limit of their own, which others do not wait for', async () => {
  const budget = createBudget(IMPATIENT, 100 * MiB)
  const release = await budget.takeOfUser('ann', incoming('a', 40))

  await expect(budget.takeOfUser('ann', incoming('b', 20))).rejects.toMatchObject({ code: 'BUSY' })
  await budget.takeOfUser('bob', incoming('a', 40))
  const waiting = budget.takeOfUser('ann', incoming('a', 20))
  release()

  await waiting
})

test('a request whose client leaves while it waits rejects, and holds nothing', async () => {
  const budget = createBudget(LONG, 100 * MiB)
  const release = await budget.takeOfUser('ann', incoming('a', 50))
  const leaver = new AbortController()
  const left = budget.takeOfUser('ann', incoming('a', 10, { signal: leaver.signal }))
  leaver.abort(new Error('left'))

  await expect(left).rejects.toThrow('left')
  release()
  await budget.takeOfUser('ann', incoming('a', 50))
})

test('a user that announces much and sends little leaves the disk to others', async () => {
  const disk = await mountSmallDisk(64 * MiB)
  const { url } = await startWorker({
    env: { MAX_CHUNK_SIZE: '20MB' },
    gateway: createFakeGateway(),
    credentials: testCredentials,
    dataDir: disk.directory,
  })
  for (let count = 0; count < 6; count++) openSlowChunk(url, 'token-ann', 18 * MiB)
  const temporary = join(disk.directory, 'spool', 'tmp')
  await vi.waitFor(async () => expect(await readdir(temporary)).not.toEqual([]))

  const form = { uploadId: newUploadId(), chunkIndex: 0, totalChunks: 1, fileName: 'a.bin' }
  const chunk = Buffer.alloc(10 * MiB)
  const answer = await postChunk(
    url,
    { ...form, fileSize: chunk.length, authToken: 'token-bob', chunk },
    'last',
  )

  expect(answer.status).toBe(200)
})

/** A form with the token first, and a file that stalls after its first bytes. */
function openSlowChunk(url: string, token: string, bytes: number): void {
  const outgoing = request(`${url}/upload-chunk`, {
    method: 'POST',
    agent: false,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'multipart/form-data; boundary=x',
      'content-length': String(bytes),
    },
  })
  outgoing.on('error', () => {})
  onTestFinished(() => void outgoing.destroy())
  const head = '--x\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n\r\n'
  outgoing.write(head + 'a'.repeat(1000))
}
