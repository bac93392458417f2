import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { createDiskGate } from '../../../src/storage/disk/disk-gate.ts'
import { writeChunkFile } from '../../../src/storage/spool/chunk-writer.ts'
import { createWriteThrottle } from '../../../src/storage/spool/write-throttle.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

const { signal } = new AbortController()

test('a source is not asked for more than 512 KB while the disk takes nothing', async () => {
  const path = join(await makeTempDir(), 'chunk')
  const source = countingSource(8 * MiB)
  const acquired = Promise.withResolvers<void>()
  const throttle = createWriteThrottle()
  const acquire = vi.fn(async (bytes: number) => {
    await acquired.promise
    return throttle.acquire(bytes, signal)
  })
  const options = {
    maxBytes: 8 * MiB,
    signal,
    fsync: false,
    ...disk(),
    throttle: { ...throttle, acquire },
  }

  const writing = writeChunkFile(path, source.bytes(), options)
  await vi.waitFor(() => expect(acquire).toHaveBeenCalled())
  await turns(10)
  expect(source.given).toBe(512 * KiB)

  acquired.resolve()
  expect((await writing).size).toBe(8 * MiB)
  expect(await readFile(path)).toHaveLength(8 * MiB)
})

test('of one chunk one batch at a time is on its way to the disk', async () => {
  const path = join(await makeTempDir(), 'chunk')
  const throttle = createWriteThrottle()
  const held = { now: 0, highest: 0 }
  const acquire = async (): Promise<() => void> => {
    held.highest = Math.max(held.highest, ++held.now)
    return () => void held.now--
  }
  const options = {
    maxBytes: 8 * MiB,
    signal,
    fsync: false,
    ...disk(),
    throttle: { ...throttle, acquire },
  }

  await writeChunkFile(path, countingSource(8 * MiB).bytes(), options)

  expect(held).toEqual({ now: 0, highest: 1 })
})

test('an abort reaches a chunk that waits for the disk', async () => {
  const path = join(await makeTempDir(), 'chunk')
  const throttle = createWriteThrottle()
  const occupied = await throttle.acquire(16 * MiB, signal)
  const controller = new AbortController()
  const options = { maxBytes: MiB, signal: controller.signal, fsync: false, ...disk(), throttle }

  const writing = writeChunkFile(path, countingSource(MiB).bytes(), options)
  const reason = new Error('the client left')
  setImmediate(() => controller.abort(reason))

  await expect(writing).rejects.toBe(reason)
  occupied()
})

test('a file that is there already is never written into', async () => {
  const path = join(await makeTempDir(), 'chunk')
  const options = {
    maxBytes: MiB,
    signal,
    fsync: false,
    ...disk(),
    throttle: createWriteThrottle(),
  }
  await writeChunkFile(path, countingSource(64 * KiB).bytes(), options)

  const again = writeChunkFile(path, countingSource(MiB).bytes(), options)

  await expect(again).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
  expect(await readFile(path)).toHaveLength(64 * KiB)
})

test('many receivers gather less each, so that all together stay within 16 MB', () => {
  const throttle = createWriteThrottle()
  const leave = Array.from({ length: 32 }, throttle.join)
  expect(throttle.batchBytes()).toBe(512 * KiB)

  leave.push(...Array.from({ length: 32 }, throttle.join))
  expect(throttle.batchBytes()).toBe(256 * KiB)

  leave.push(...Array.from({ length: 1000 }, throttle.join))
  expect(throttle.batchBytes()).toBe(64 * KiB)

  for (const done of leave) done()
  throttle.join()
  expect(throttle.batchBytes()).toBe(512 * KiB)
})

function countingSource(size: number) {
  const source = {
    given: 0,
    async *bytes() {
      while (source.given < size) {
        source.given += 64 * KiB
        yield Buffer.alloc(64 * KiB)
      }
    },
  }
  return source
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) {
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
}

/** A disk with room for everything. */
function disk() {
  return { gate: createDiskGate(), reservation: { extend: async () => {}, written: () => {} } }
}
