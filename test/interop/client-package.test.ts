import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { build } from 'vite'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { sha256 } from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './support/browser.ts'
import { cloneRepository, installPacked, pack, ROOT } from './support/clone.ts'
import { findNode } from './support/programs.ts'

const run = promisify(execFile)
const node = await findNode()

/** The project of a stranger: an empty folder in which the packed client was installed. */
let folder = ''

const guide = await readFile(join(ROOT, 'packages/client/README.md'), 'utf8')
const examples = [...guide.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text = '']) => text)
const forNode = examples.filter((text) => text.includes("'node:"))
const forBrowsers = examples.filter((text) => !forNode.includes(text))

beforeAll(async () => {
  const all = await mkdtemp(join(tmpdir(), 'telestore-'))
  const clone = join(all, 'clone')
  folder = join(all, 'project')
  await cloneRepository(clone)
  await installPacked(folder, await pack(clone, '--workspace', 'telestore-client'))
  for (const [at, text] of forBrowsers.entries()) {
    await writeFile(join(folder, `browser-${at}.ts`), text)
  }
  for (const [at, text] of forNode.entries()) await writeFile(join(folder, `node-${at}.ts`), text)
  return () => rm(all, { recursive: true, force: true, maxRetries: 3 })
}, 300_000)

test('nothing else is installed with the client', async () => {
  const installed = await readdir(join(folder, 'node_modules'))
  const inside = await readdir(join(folder, 'node_modules/telestore-client'))

  expect(installed.filter((name) => !name.startsWith('.'))).toEqual(['telestore-client'])
  expect(inside.sort()).toEqual(['LICENSE', 'README.md', 'dist', 'package.json'])
})

test.each([
  ['nodenext', 'browsers'],
  ['nodenext', 'Node'],
  ['bundler', 'browsers'],
  ['bundler', 'Node'],
])('with moduleResolution %s the examples for %s pass a strict tsc', async (resolution, place) => {
  expect(await compile(resolution, place, ['--noEmit'])).toBe('')
})

test('a page that Vite has built uploads, plays and resumes a file', async () => {
  const worker = await startWorkerProcess(await startTelegram(), await makeTempDir())
  for (const [at, text] of forBrowsers.entries()) {
    const example = text.replace('https://worker.example', worker.url)
    await writeFile(join(folder, `browser-${at}.ts`), example)
  }
  await writeFile(
    join(folder, 'page.js'),
    `import { play, upload } from './browser-0.ts'
    import { resume } from './browser-1.ts'
    Object.assign(window, { play, upload, resume })`,
  )
  await writeFile(join(folder, 'index.html'), '<script type="module" src="./page.js"></script>')

  await build({ root: folder, configFile: false, logLevel: 'silent', build: { outDir: 'site' } })
  const page = await (await openBrowser(await makeTempDir())).newPage()
  page.setDefaultTimeout(PAGE_TIMEOUT_MS)
  await page.goto(await serve(join(folder, 'site')))
  const result = await page.evaluate(`(async () => {
    sessionStorage.setItem('token', 'main')
    const bytes = new Uint8Array(12 * 1024 * 1024)
    for (let at = 0; at < bytes.length; at += 65536) {
      crypto.getRandomValues(bytes.subarray(at, at + 65536))
    }
    const bar = document.createElement('progress')
    const video = document.createElement('video')
    const messageId = await upload(new File([bytes], 'film.mp4'), bar)
    await play(messageId, video)
    const played = await fetch(video.src)
    const resumed = await resume(messageId, new Blob([bytes.subarray(0, 5_000_000)]), played.headers.get('etag'))
    const isSame = async (blob) => {
      const back = new Uint8Array(await blob.arrayBuffer())
      return back.length === bytes.length && back.every((byte, at) => byte === bytes[at])
    }
    return {
      bar: bar.value,
      title: bar.title,
      played: await isSame(await played.blob()),
      resumed: await isSame(resumed),
    }
  })()`)

  expect(result).toEqual({ bar: 1, title: 'In Telegram', played: true, resumed: true })
})

test(`Node ${node.version} at ${node.path} uploads, downloads and remembers an upload`, async () => {
  const worker = await startWorkerProcess(await startTelegram(), await makeTempDir())
  const bytes = randomBytes(12 * MiB + 5)
  await writeFile(join(folder, 'video.mp4'), bytes)
  expect(await compile('nodenext', 'Node', ['--outDir', 'out'])).toBe('')
  const env = { TELESTORE_URL: worker.url, TELESTORE_TOKEN: 'main' }
  const options = { cwd: folder, env, timeout: 120_000 }

  const first = await run(node.path, ['out/node-0.js'], options)
  const second = await run(node.path, ['out/node-1.js'], options)

  expect(first.stdout).toContain('In Telegram (100 %)')
  expect(sha256(await readFile(join(folder, 'copy.mp4')))).toBe(sha256(bytes))
  expect(second.stdout).toMatch(/^video\.mp4 is message \d+\n$/)
  expect([first.stderr, second.stderr]).toEqual(['', ''])
  await expect(access(join(folder, 'unfinished.txt'))).rejects.toMatchObject({ code: 'ENOENT' })
})

/** Compiles the examples with all checks of declarations. Resolves with what tsc prints. */
async function compile(resolution: string, place: string, options: string[]): Promise<string> {
  const isNode = place === 'Node'
  const names = (isNode ? forNode : forBrowsers).map(
    (_text, at) => `${isNode ? 'node' : 'browser'}-${at}.ts`,
  )
  const compilerOptions = {
    target: 'es2022',
    lib: isNode ? ['es2022'] : ['es2022', 'dom', 'dom.iterable'],
    types: isNode ? ['node'] : [],
    typeRoots: [join(ROOT, 'node_modules/@types')],
    module: resolution === 'bundler' ? 'esnext' : resolution,
    moduleResolution: resolution,
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
    verbatimModuleSyntax: true,
  }
  const config = join(folder, 'tsconfig.json')
  await writeFile(config, JSON.stringify({ compilerOptions, files: names }))
  const tsc = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { stdout } = await run(process.execPath, [tsc, '-p', config, ...options], {
    cwd: folder,
  }).catch((error: { stdout: string }) => error)
  return stdout
}

/** A server for the files of a folder. */
async function serve(site: string): Promise<string> {
  const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript' }
  const server = createServer((request, response) => {
    const path = request.url === '/' ? '/index.html' : (request.url ?? '')
    response.setHeader('content-type', types[extname(path)] ?? 'application/octet-stream')
    createReadStream(join(site, path))
      .on('error', () => response.writeHead(404).end())
      .pipe(response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
