import { createHash, randomBytes } from 'node:crypto'
import {
  mkdir,
  readdir,
  readFile,
  readlink,
  stat,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { readBounded } from '../../../src/lib/read-bounded.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { createDiskGate, type DiskGate } from '../../../src/storage/disk/disk-gate.ts'
import { createSpool, type SpoolOptions } from '../../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { stopClock } from '../../helpers/stopped-clock.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import {
  claim,
  claimAll,
  describeSpool,
  pieces,
  readAll,
  receive,
  STRANGE_IDS,
} from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

for (const fsync of [false, true]) {
  describeSpool(`the disk spool, ${fsync ? 'with' : 'without'} fsync`, async () => {
    const { spool, directory } = await makeSpool({ fsync })
    const { uploadIds } = spool
    const unclaimed = async () => (await readdir(join(directory, 'tmp'))).length
    return { spool, uploadIds, unclaimed }
  })
}

describeSpool('the memory spool of other tests', async () => {
  const spool = createMemorySpool()
  return { spool, uploadIds: spool.uploadIds, unclaimed: async () => spool.unclaimed }
})

describe('the disk spool', () => {
  test('a chunk is one file, named by upload and index, for its owner only', async () => {
    const { spool, directory } = await makeSpool()
    const bytes = randomBytes(1000)

    await claim(spool, '1762700000000_k3j9x0a2b', 7, pieces(bytes, 100))

    const path = join(directory, 'uploads', '1762700000000_k3j9x0a2b', '7.chunk')
    expect(await readFile(path)).toEqual(bytes)
    expect((await stat(path)).mode & 0o777).toBe(0o600)
  })

  test('no id writes outside the uploads folder', async () => {
    const { spool, directory } = await makeSpool()

    for (const id of STRANGE_IDS) await claim(spool, id, 0, pieces(randomBytes(10), 10))

    expect((await readdir(directory)).toSorted()).toEqual(['tmp', 'uploads'])
    const folders = await readdir(join(directory, 'uploads'), { withFileTypes: true })
    expect(folders).toHaveLength(STRANGE_IDS.length)
    for (const folder of folders) {
      expect(folder.isDirectory()).toBe(true)
      expect(await readdir(join(folder.parentPath, folder.name))).toEqual(['0.chunk'])
    }
  })

  test.each(['', 'x'.repeat(181), '🎉'.repeat(50)])(
    'an id no folder can have is refused',
    async (id) => {
      const { spool } = await makeSpool()
      const chunk = await receive(spool, pieces(randomBytes(10), 10))

      await expect(chunk.claim(spoolUpload(id), 0)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
      await expect(spool.remove(spoolUpload(id))).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
      await expect(spool.chunkFileSize(spoolUpload(id), 0)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
      await chunk.discard()
    },
  )

  test.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 1e21])(
    'the index %d is refused',
    async (index) => {
      const { spool } = await makeSpool()
      const chunk = await receive(spool, pieces(randomBytes(10), 10))

      await expect(chunk.claim(spoolUpload('up'), index)).rejects.toMatchObject({
        code: 'INVALID_REQUEST',
      })
    },
  )

  test('folders of others in the uploads folder are not uploads', async () => {
    const { spool, directory } = await makeSpool()

    for (const name of ['lost+found', '.hidden', '~!', '~YQ']) {
      await mkdir(join(directory, 'uploads', name))
    }

    expect(await spool.uploadIds()).toEqual([])
  })

  test('temporary files of a process that died are cleared, a running one’s are not', async () => {
    const { spool, directory } = await makeSpool()
    await writeFile(join(directory, 'tmp', 'from-before'), 'x')
    const waiting = await receive(spool, pieces(randomBytes(10), 10))

    await spool.removeTemporary()

    expect(await readdir(join(directory, 'tmp'))).toHaveLength(1)
    await waiting.discard()
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('the memory of pieces is freed once they are written, where the source allows it', async () => {
    const { spool } = await makeSpool()
    const { signal } = new AbortController()
    const bytes = randomBytes(3 * MiB)
    const copies = (): Buffer[] => cut(bytes, 64 * KiB).map(copyOf)
    const [kept, received, appended] = [copies(), copies(), copies()]
    const limits = { signal, mayFree: true }
    const sent = async function* (all: Buffer[]) {
      yield* all
    }

    await receive(spool, sent(kept))
    const chunk = await spool.receive(sent(received), { ...limits, maxBytes: bytes.length })
    const appending = { ...limits, targetBytes: bytes.length }
    const { whole } = await spool.append(
      { upload: spoolUpload('up'), index: 1 },
      sent(appended),
      appending,
    )

    expect(Buffer.concat(kept).equals(bytes)).toBe(true)
    expect([...received, ...appended].map(({ length }) => length)).toEqual(Array(96).fill(0))
    for (const { digest } of [chunk, whole ?? chunk]) expect(digest).toBe(sha256(bytes))
    expect((await readBounded(chunk.read(), bytes.length))?.equals(bytes)).toBe(true)
    await whole?.claim(spoolUpload('up'), 1)
    await chunk.claim(spoolUpload('up'), 0)
    const layout = { size: 2 * bytes.length, chunkSize: bytes.length }
    expect((await readAll(spool, 'up', layout)).equals(Buffer.concat([bytes, bytes]))).toBe(true)
  })

  test('to discard what was claimed asks nothing of the disk', async () => {
    let calls = 0
    const gate = createDiskGate()
    const counting: DiskGate = {
      ...gate,
      run: (...call) => {
        calls++
        return gate.run(...call)
      },
    }
    const { spool } = await makeSpool({ gate: counting })
    const received = await receive(spool, pieces(randomBytes(10), 10))
    const name = { upload: spoolUpload('up'), index: 1 }
    const { signal } = new AbortController()
    const limits = { targetBytes: 10, signal }
    const { whole: grown } = await spool.append(name, pieces(randomBytes(10), 10), limits)
    if (grown === null) throw new Error('the chunk is not whole')
    await received.claim(spoolUpload('up'), 0)
    await grown.claim(spoolUpload('up'), 1)
    calls = 0

    for (const chunk of [received, received, grown, grown]) await chunk.discard()

    expect(calls).toBe(0)
    expect((await spool.chunkIndexes(spoolUpload('up'))).toSorted()).toEqual([0, 1])
  })

  test('files of an upload that nobody reads any more are closed, the removed ones at once', async () => {
    const clock = stopClock()
    const { spool, directory } = await makeSpool({ idleFileMs: 100 })
    await claimAll(spool, 'up', randomBytes(10_000), 1000)

    await readAll(spool, 'up', { size: 10_000, chunkSize: 1000 })
    expect(await openFilesUnder(directory)).toBe(10)
    clock.pass(1000)
    await vi.waitFor(async () => expect(await openFilesUnder(directory)).toBe(0))

    await readAll(spool, 'up', { size: 10_000, chunkSize: 1000 })
    await spool.remove(spoolUpload('up'))
    expect(await openFilesUnder(directory)).toBe(0)
  })

  test('no more files stay open than it was told', async () => {
    // None is closed for being idle.
    stopClock()
    const { spool, directory } = await makeSpool({ maxOpenFiles: 4 })
    const bytes = randomBytes(20_000)
    await claimAll(spool, 'up', bytes, 1000)

    expect(await readAll(spool, 'up', { size: 20_000, chunkSize: 1000 })).toEqual(bytes)

    await vi.waitFor(async () => expect(await openFilesUnder(directory)).toBe(4))
    await spool.close()
    expect(await openFilesUnder(directory)).toBe(0)
  })

  test('a chunk file that is cut or gone behind its back is SPOOL_DAMAGED', async () => {
    const { spool, directory } = await makeSpool()
    await claimAll(spool, 'up', randomBytes(2000), 1000)
    const layout = { size: 2000, chunkSize: 1000 }

    await truncate(join(directory, 'uploads', 'up', '1.chunk'), 999)
    await expect(readAll(spool, 'up', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })

    await unlink(join(directory, 'uploads', 'up', '1.chunk'))
    await spool.removeChunk(spoolUpload('up'), 1)
    await expect(readAll(spool, 'up', layout)).rejects.toMatchObject({ code: 'SPOOL_DAMAGED' })
  })

  test('what start-up asks: which chunk files there are, and remove one', async () => {
    const { spool, directory } = await makeSpool()
    await claimAll(spool, 'up', randomBytes(3000), 1000)
    await writeFile(join(directory, 'uploads', 'up', 'notes.txt'), 'not a chunk')

    await spool.removeChunk(spoolUpload('up'), 1)
    await spool.removeChunk(spoolUpload('up'), 9)

    expect((await spool.chunkIndexes(spoolUpload('up'))).toSorted()).toEqual([0, 2])
    expect(await spool.chunkIndexes(spoolUpload('none'))).toEqual([])
  })

  test('a disk error names its code, never a path', async () => {
    const { spool, directory } = await makeSpool()
    const chunk = await receive(spool, pieces(randomBytes(10), 10))
    await writeFile(join(directory, 'uploads', 'up'), 'a file where a folder should be')

    const error: unknown = await chunk
      .claim(spoolUpload('up'), 0)
      .catch((reason: unknown) => reason)

    expect(error).toMatchObject({ code: 'SPOOL_FAILED', retryable: true })
    expect(error).toHaveProperty('cause.message', 'the disk answered EEXIST')
    await chunk.discard()
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('after close nothing is read any more', async () => {
    const { spool } = await makeSpool()
    await claimAll(spool, 'up', randomBytes(100), 100)

    await spool.close()

    const read = readAll(spool, 'up', { size: 100, chunkSize: 100 })
    await expect(read).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  })
})

function cut(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
}

/** Bytes in an ArrayBuffer of their own, as a request's are. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function makeSpool(options: Partial<SpoolOptions> = {}) {
  const directory = await makeTempDir()
  const log = createRecordingLog()
  const spool = await createSpool({ directory, fsync: false, log, ...options })
  onTestFinished(() => spool.close())
  return { spool, directory, log }
}

async function openFilesUnder(directory: string): Promise<number> {
  const handles = await readdir('/proc/self/fd')
  const targets = await Promise.all(
    handles.map((handle) => readlink(`/proc/self/fd/${handle}`).catch(() => '')),
  )
  return targets.filter((target) => target.startsWith(directory)).length
}
