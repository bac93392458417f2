import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHandleCache } from '../../../src/storage/spool/handle-cache.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

test('a file that is forgotten under its reader stays open until it is done', async () => {
  const { cache, path } = await makeCache()
  const gate = Promise.withResolvers<void>()

  const reading = cache.use(path, async (handle) => {
    await gate.promise
    return (await handle.read(Buffer.alloc(5), 0, 5, 0)).buffer.toString()
  })
  const forgotten = cache.forget(() => true)
  expect(cache.size).toBe(0)
  gate.resolve()

  expect(await reading).toBe('bytes')
  await forgotten
})

test('readers at the same time share one open file', async () => {
  const { cache, path } = await makeCache()

  const numbers = await Promise.all(
    Array.from({ length: 10 }, () => cache.use(path, async ({ fd }) => fd)),
  )

  expect(new Set(numbers).size).toBe(1)
  expect(cache.size).toBe(1)
  await cache.close()
})

test('more files than it may keep are open only while they are read', async () => {
  const { cache, path, directory } = await makeCache()
  const second = join(directory, 'second')
  await writeFile(second, 'bytes')
  const gate = Promise.withResolvers<void>()

  const reading = [path, second].map((file) => cache.use(file, () => gate.promise))
  expect(cache.size).toBe(2)
  gate.resolve()
  await Promise.all(reading)

  expect(cache.size).toBe(1)
  await cache.close()
})

test('what cannot be opened is not remembered', async () => {
  const { cache, directory } = await makeCache()
  const later = join(directory, 'later')
  const read = () => cache.use(later, async (handle) => (await handle.stat()).size)

  await expect(read()).rejects.toMatchObject({ code: 'ENOENT' })
  expect(cache.size).toBe(0)
  await writeFile(later, 'bytes')

  expect(await read()).toBe(5)
  await cache.close()
})

async function makeCache() {
  const directory = await makeTempDir()
  const path = join(directory, 'file')
  await writeFile(path, 'bytes')
  return { cache: createHandleCache({ maxOpen: 1, idleMs: 60_000 }), path, directory }
}
