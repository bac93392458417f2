import { expect, test } from 'vitest'
import { readArchive } from '../../../src/core/archives/read-archive.ts'
import type { OpenFile } from '../../../src/core/downloads/library-files.ts'
import { layOutArchive } from '../../../src/core/model/archive/layout.ts'

const { signal } = new AbortController()

/** An archive of files of ten bytes, which notes what is opened and read. */
function start(count: number) {
  const entries = Array.from({ length: count }, (_, n) => {
    return { path: String(n), size: 10, modifiedAt: 0, crc32: 1 }
  })
  const layout = layOutArchive(entries)
  const opened: number[] = []
  const read: number[] = []
  const failing = new Set<number>()
  const open = async (index: number): Promise<OpenFile> => {
    opened.push(index)
    if (failing.has(index)) throw new Error(`${index} is gone`)
    return {
      ...{ id: String(index), documentId: null, listedName: null, size: 10, fileName: null },
      manifest: null,
      ...{ mimeType: null, modifiedAt: null, road: 'mtproto-user' },
      read: async function* ({ start, end }) {
        read.push(index)
        yield new Uint8Array(end - start + 1)
      },
    }
  }
  const bytes = (start: number, end: number) =>
    readArchive(
      {
        ...{ layout, open, read: (file, range, aborts) => file.read(range, aborts) },
        ...{ crcOf: () => 1, isMeasured: () => true, onMeasured: async () => {} },
      },
      { start, end },
      signal,
    )
  return { layout, opened, read, failing, bytes }
}

test('files are located a few ahead, each once, and read one by one', async () => {
  const { layout, opened, read, bytes } = start(20)
  const reading = bytes(0, layout.size - 1)
  await reading.next()
  expect([opened, read]).toEqual([[0, 1, 2, 3], []])
  await reading.next()
  expect([opened, read]).toEqual([[0, 1, 2, 3, 4], [0]])

  for await (const _ of reading) expect(opened.length).toBeLessThanOrEqual(read.length + 4)

  expect(opened).toEqual(read)
  expect(read).toEqual(Array.from({ length: 20 }, (_, n) => n))
})

test('a range needs the files in it alone', async () => {
  const { layout, opened, bytes } = start(20)
  const [from, to] = [layout.locals[7] ?? 0, layout.locals[9] ?? 0]

  for await (const _ of bytes(from, to - 1));

  expect(opened).toEqual([7, 8])
  for await (const _ of bytes(layout.centrals[0] ?? 0, layout.size - 1));
  expect(opened).toEqual([7, 8])
})

test('the first file is there before the first byte; a later one that is gone ends the bytes', async () => {
  const { layout, failing, bytes } = start(9)
  failing.add(7)

  await expect(bytes(layout.locals[7] ?? 0, layout.size - 1).next()).rejects.toThrow('7 is gone')

  let length = 0
  const all = (async () => {
    for await (const piece of bytes(0, layout.size - 1)) length += piece.length
  })()
  await expect(all).rejects.toThrow('7 is gone')
  expect(length).toBe((layout.locals[7] ?? 0) + 30 + 1 + 9)
})
