import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makeTempDir } from '../../../test/helpers/temp-dir.ts'
import { openFile } from '../src/node.ts'

test('openFile gives the name, the size and any bytes of a file', async () => {
  const path = join(await makeTempDir(), 'notes.txt')
  await writeFile(path, 'one two three')

  const source = await openFile(path)
  const bytes = await source.slice(4, 7)

  expect(source).toMatchObject({ name: 'notes.txt', size: 13 })
  expect(await bytes.text()).toBe('two')
})

test('openFile refuses a folder, and a file that is not there', async () => {
  const folder = await makeTempDir()

  await expect(openFile(folder)).rejects.toThrow(TypeError)
  await expect(openFile(join(folder, 'missing'))).rejects.toMatchObject({ code: 'ENOENT' })
})

test('a file that has changed since it was opened is not read', async () => {
  const path = join(await makeTempDir(), 'notes.txt')
  await writeFile(path, 'one two three')
  const source = await openFile(path)

  await writeFile(path, 'one')

  await expect(source.slice(0, 13)).rejects.toMatchObject({ code: 'FILE_CHANGED' })
})
