import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const run = promisify(execFile)

/** A program of a stranger: an empty folder, into which the package was installed. */
let folder = ''

beforeAll(async () => {
  const all = await mkdtemp(join(tmpdir(), 'telestore-'))
  folder = await installPackage(all)
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

test('the package has the client, the command and the page, and nothing of the tests', async () => {
  const installed = join(folder, 'node_modules/telestore-worker')

  const { stdout } = await run(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `console.log(Object.keys(await import('telestore-worker/client')).sort().join())`,
    ],
    { cwd: folder },
  )
  const help = await run(join(folder, 'node_modules/.bin/telestore-worker'), ['--help'])

  expect(stdout).toContain('createClient')
  expect(help.stdout).toContain('upload')
  expect(await readdir(installed)).toEqual(expect.arrayContaining(['dist', 'package.json']))
  expect(await readdir(installed)).not.toContain('test')
  expect(await readdir(join(installed, 'dist/web'))).toContain('index.html')
})

/** Builds the sources aside, packs them, and installs what was packed as a stranger would. */
async function installPackage(all: string): Promise<string> {
  const built = join(all, 'built')
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const build = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(built, 'dist')]
  await run(process.execPath, [tsc, ...build])
  await cp(join(ROOT, 'dist/web'), join(built, 'dist/web'), { recursive: true })
  for (const name of ['package.json', 'README.md', 'LICENSE']) {
    await cp(join(ROOT, name), join(built, name))
  }
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts'], { cwd: built })
  const [{ filename }] = JSON.parse(stdout) as [{ filename: string }]

  const target = join(all, 'program')
  await mkdir(target)
  await writeFile(join(target, 'package.json'), '{ "private": true, "type": "module" }')
  // What `npm ci` has brought is in npm's cache.
  const options = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', ...options, join(built, filename)], { cwd: target })
  return target
}
