import { access, mkdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { makeTempDir } from './helpers/temp-dir.ts'

const script: { runFolder: (inputs: string, root: string) => string } = await import(
  String(new URL('../scripts/run-folder.mjs', import.meta.url))
)

const BUILT = {
  'package.json': '{ "type": "module" }',
  'dist/server.js': 'export const late = () => import("./late.js")',
  'dist/late.js': 'export { name } from "aes-ige-native"',
  'dist/web/assets/main-1.js': 'the page',
  'native/package.json': '{ "name": "aes-ige-native", "exports": "./dist/aes-ige.js" }',
  'native/dist/aes-ige.js': 'exports.name = "native"',
  'native/test/aes-ige.test.ts': 'a test',
  'packages/telegram-emulator/package.json': '{ "name": "telegram-emulator" }',
}

/** A checkout as a build leaves it. */
async function build(): Promise<string> {
  const root = await makeTempDir()
  for (const [path, text] of Object.entries(BUILT)) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  return root
}

test('a worker keeps its page and loads its modules after the next build has cleared dist', async () => {
  const root = await build()
  const folder = script.runFolder('a'.repeat(64), root)
  const server = await import(String(pathToFileURL(join(folder, 'dist/server.js'))))

  await rm(join(root, 'dist'), { recursive: true })
  await rm(join(root, 'native'), { recursive: true })

  expect(await readFile(join(folder, 'dist/web/assets/main-1.js'), 'utf8')).toBe('the page')
  expect(await server.late()).toMatchObject({ name: 'native' })
  await expect(access(join(folder, 'node_modules/aes-ige-native/test'))).rejects.toThrow()
})

test('workers of one build have one copy, and those of the oldest builds go', async () => {
  const root = await build()
  const folders = ['a', 'b', 'c'].map((inputs) => script.runFolder(inputs.repeat(64), root))
  for (const [index, folder] of folders.entries()) await utimes(folder, index, index)

  expect(script.runFolder('a'.repeat(64), root)).toBe(folders[0])
  const newest = script.runFolder('d'.repeat(64), root)

  const [a = '', b = '', c = ''] = folders
  for (const kept of [a, c, newest]) await access(join(kept, 'dist/server.js'))
  await expect(access(b)).rejects.toThrow()
})

test('where no copy can be written, a worker runs from what was built', async () => {
  const root = await build()
  await mkdir(join(root, 'node_modules/.cache/telestore-build'), { recursive: true })
  await writeFile(join(root, 'node_modules/.cache/telestore-build/runs'), 'no folder')

  expect(script.runFolder('a'.repeat(64), root)).toBe(root)
})
