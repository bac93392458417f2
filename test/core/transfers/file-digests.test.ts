import { createHash, randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { expect, test, vi } from 'vitest'
import { createDigestedFile } from '../../../src/core/transfers/file-digests.ts'
import { KiB } from '../../../src/lib/units.ts'

const PART = 512 * KiB

test('a file that is read in order is hashed without another read', async () => {
  const { file, reads, readPart, expected } = start(3)

  for (const part of [0, 1, 2]) await readPart(part)

  expect(await file.digests()).toEqual(expected)
  expect(reads()).toEqual([0, 1, 2])
})

test('reads that begin in order and end in another are hashed without another read', async () => {
  const { file, reads, hold, readPart, expected } = start(4)
  const releases = [0, 1, 2, 3].map(hold)
  const reading = [0, 1, 2, 3].map(readPart)

  for (const part of [2, 0, 3, 1]) releases[part]?.()
  await Promise.all(reading)

  expect(await file.digests()).toEqual(expected)
  expect(reads()).toEqual([0, 1, 2, 3])
})

test('the memory of a read is its own again once the read has resolved', async () => {
  const { file, hold, readPart, expected } = start(2)
  const release = hold(0)
  const first = readPart(0)
  const second = readPart(1).then((target) => target.fill(0xee))

  release()
  await Promise.all([first, second])

  expect(await file.digests()).toEqual(expected)
})

test('a reader that begins in the middle is caught up with while it reads on', async () => {
  const { file, reads, readPart, expected } = start(6)

  await readPart(3)
  // What was skipped is read beside it, and then the reader is the next one again.
  await vi.waitFor(() => expect(reads()).toEqual([3, 0, 1, 2, 3]))
  await readPart(4)
  await readPart(5)

  expect(await file.digests()).toEqual(expected)
  expect(reads()).toEqual([3, 0, 1, 2, 3, 4, 5])
})

test('what comes in another order waits for the chunk that is missing', async () => {
  const { file, reads, missing, readPart, expected } = start(4)
  missing.add(0)

  for (const part of [3, 1, 2]) await readPart(part)
  expect(reads()).toEqual([3, 1, 2])
  missing.clear()
  await readPart(0)

  expect(await file.digests()).toEqual(expected)
  expect(reads()).toEqual([3, 1, 2, 0, 1, 2, 3])
})

test('a read that is repeated is hashed once', async () => {
  const { file, readPart, expected } = start(3)

  for (const part of [0, 0, 1, 0, 2, 2]) await readPart(part)

  expect(await file.digests()).toEqual(expected)
})

test('a read that fails is hashed when it is repeated', async () => {
  const { file, broken, readPart, expected } = start(3)
  broken.add(1)

  await readPart(0)
  const failing = [1, 2].map(readPart)
  await expect(failing[0]).rejects.toThrow('part 1')
  await failing[1]
  broken.clear()
  await readPart(1)

  expect(await file.digests()).toEqual(expected)
})

test('a file that cannot be read has no digests until it can', async () => {
  const { file, broken, expected } = start(2)
  broken.add(1)

  await expect(file.digests()).rejects.toThrow('part 1')
  broken.clear()

  expect(await file.digests()).toEqual(expected)
})

test('two callers at once get the same digests of one pass', async () => {
  const { file, reads, expected } = start(3)

  const found = await Promise.all([file.digests(), file.digests()])

  expect(found).toEqual([expected, expected])
  expect(reads()).toEqual([0, 1, 2])
})

test('a file that lacks a chunk has no digests', async () => {
  const { file, missing } = start(2)
  missing.add(1)

  await expect(file.digests()).rejects.toThrow('not whole')
})

test('whatever reads, the digests are those of the bytes', async () => {
  for (let round = 0; round < 50; round++) {
    const { file, broken, missing, readPart, parts, expected } = start(12)
    const coming = parts.map(() => Math.floor(Math.random() * parts.length))
    for (const part of parts) if (Math.random() < 0.3) missing.add(part)
    const reading = coming.map(async (part) => {
      await new Promise((resolve) => setImmediate(resolve))
      missing.delete(part)
      if (Math.random() < 0.1) broken.add(part)
      await readPart(part).catch(() => {})
      broken.delete(part)
    })

    await Promise.all(reading)
    missing.clear()
    broken.clear()

    expect(await file.digests()).toEqual(expected)
  }
})

/** A file of so many parts, the last of them short; the reads of each can be held or broken. */
function start(count: number) {
  const bytes = randomBytes((count - 1) * PART + 1000)
  const parts = Array.from({ length: count }, (_, part) => part)
  const seen: number[] = []
  const held = new Map<number, Promise<void>>()
  const broken = new Set<number>()
  const missing = new Set<number>()
  const source = {
    size: bytes.length,
    has: (offset: number) => !missing.has(offset / PART),
    read: async (offset: number, target: Uint8Array) => {
      const part = offset / PART
      seen.push(part)
      await held.get(part)
      await new Promise((resolve) => setImmediate(resolve))
      if (broken.has(part)) throw new Error(`part ${part} cannot be read`)
      bytes.copy(target, 0, offset, offset + target.length)
    },
  }
  const file = createDigestedFile(source, { native: true })
  return {
    file,
    parts,
    broken,
    missing,
    reads: () => seen,
    expected: {
      sha256: createHash('sha256').update(bytes).digest('hex'),
      crc32: crc32(bytes).toString(16).padStart(8, '0'),
    },
    readPart: async (part: number): Promise<Uint8Array> => {
      const target = new Uint8Array(Math.min(PART, bytes.length - part * PART))
      await file.read(part * PART, target)
      return target
    },
    /** Holds the reads of a part until the returned function is called. */
    hold: (part: number): (() => void) => {
      const { promise, resolve } = Promise.withResolvers<void>()
      held.set(part, promise)
      return resolve
    },
  }
}
