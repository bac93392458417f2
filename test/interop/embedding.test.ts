import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { cloneRepository, installPacked, pack, ROOT } from './support/clone.ts'

const run = promisify(execFile)

/** The program of a stranger: an empty folder in which the packages were installed. */
let folder = ''

beforeAll(async () => {
  const all = await mkdtemp(join(tmpdir(), 'telestore-'))
  const clone = join(all, 'clone')
  folder = join(all, 'program')
  await cloneRepository(clone)
  await installPacked(folder, await pack(clone, '--workspaces', '--include-workspace-root'))
  return () => rm(all, { recursive: true, force: true, maxRetries: 3 })
}, 300_000)

const guide = await readFile(join(ROOT, 'docs/embedding.md'), 'utf8')
const examples = [...guide.matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)

test.each([
  ['the whole worker', 0, /^the worker is at http:\/\/127\.0\.0\.1:\d+\n\{ status: 'ok', .*\}\n$/],
  ['own users', 1, /^200\n401\n\{ hello: 'from this program' \}\n$/],
  ['the pieces', 2, /^<!doctype html><title>Files<\/title><p>Ours\n$/],
])('the example with %s runs from an installed package, and ends', async (_what, at, says) => {
  const file = join(folder, `example-${at}.mjs`)
  await writeFile(file, examples[at] ?? '')

  const { stdout } = await run(process.execPath, [file], { cwd: folder, timeout: 120_000 })

  expect(stdout).toMatch(says)
})

test('every example is run', () => {
  expect(examples).toHaveLength(3)
})

test('the examples fit the types that come with the package', async () => {
  const types = join(folder, 'node_modules/@types')
  await mkdir(types, { recursive: true })
  await symlink(join(ROOT, 'node_modules/@types/node'), join(types, 'node'))
  const names = examples.map((_text, at) => `types-${at}.mts`)
  for (const [at, name] of names.entries()) {
    const text = (examples[at] ?? '').replace('findUser(token)', 'findUser(token: string)')
    await writeFile(join(folder, name), `${text}\nexport {}\n`)
  }
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const options = ['--noEmit', '--strict', '--target', 'es2024', '--module', 'nodenext']

  const { stdout } = await run(
    process.execPath,
    [tsc, ...options, '--skipLibCheck', '--types', 'node', ...names],
    { cwd: folder },
  ).catch((error: { stdout: string }) => error)

  expect(stdout).toBe('')
})

test('the package has the command and the page, and nothing of the tests or the other packages', async () => {
  const installed = join(folder, 'node_modules/telestore-worker')

  const help = await run(join(folder, 'node_modules/.bin/telestore-worker'), ['--help'])

  expect(help.stdout).toContain('upload')
  expect((await readdir(installed)).sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist',
    'package.json',
  ])
  expect(await readdir(join(installed, 'dist'))).toContain('worker.d.ts')
  expect(await readdir(join(installed, 'dist'))).not.toContain('packages')
  expect(await readdir(join(installed, 'dist/web'))).toContain('index.html')
})

test('the client and the emulator are installed beside the worker', async () => {
  const program = `
    const { createClient } = await import('telestore-client')
    const { startTelegram } = await import('telegram-emulator')
    console.log(typeof createClient, typeof startTelegram)`

  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], {
    cwd: folder,
  })

  expect(stdout).toBe('function function\n')
})
