import { randomBytes } from 'node:crypto'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { UploadProgress } from 'telestore-client'
import { expect, test, vi } from 'vitest'
import { startFaultProxy } from '../../../packages/client/test/fault-proxy.ts'
import { createUploadReporter } from '../../../src/cli/terminal/reporter.ts'
import { createScreen } from '../../../src/cli/terminal/screen.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createSink, runCommand, runHere, startCommand } from '../../cli/command.ts'
import { sha256 } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const CHUNK = 'POST /upload-chunk'

async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  return { gateway, proxy, url: proxy.url, cwd: await makeTempDir() }
}

test('files are sent to Telegram one after another, with a line for each', async () => {
  const { gateway, url, cwd } = await start()
  const files = { 'a.bin': randomBytes(7 * MiB), 'Grüße.txt': randomBytes(10) }
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(cwd, name), bytes)

  const { code, lines, stderr } = await runCommand(['upload', 'a.bin', 'Grüße.txt'], { url, cwd })

  expect(code).toBe(0)
  expect(lines[0]).toMatch(/^a\.bin: message 1 \(7\.0 MB in \d+ s\)$/)
  expect(lines[1]).toMatch(/^Grüße\.txt: message 2 \(10 B in \d+ s\)$/)
  expect(stderr).toMatch(/^a\.bin \(7\.0 MB\): to the worker 100 %.*, into Telegram \d+ %/m)
  const sent = gateway.posted.map(({ name, bytes }) => [name, sha256(bytes)])
  expect(sent).toEqual(Object.entries(files).map(([name, bytes]) => [name, sha256(bytes)]))
})

test('--json prints one line for each file, also for those that failed', async () => {
  const { url, cwd } = await start()
  await writeFile(join(cwd, 'full'), 'x')
  await writeFile(join(cwd, 'empty'), '')

  const ended = await runCommand(['upload', '--json', '--quiet', 'empty', 'full'], { url, cwd })

  expect(ended).toMatchObject({ code: 1, stderr: '' })
  const [failed, sent] = ended.lines.map((line) => JSON.parse(line))
  expect(failed).toMatchObject({ file: 'empty', ok: false, code: 'EMPTY_FILE' })
  expect(sent).toMatchObject({ file: 'full', ok: true, messageId: 1, size: 1 })
})

test('after Ctrl-C the same command sends only what is missing', async () => {
  const { gateway, proxy, url, cwd } = await start()
  const cache = await makeTempDir()
  const bytes = randomBytes(25 * MiB)
  await writeFile(join(cwd, 'video.mp4'), bytes)
  const args = ['upload', 'video.mp4', '--parallel', '1']
  let chunks = 0
  // The third chunk waits until the process has gone.
  proxy.before('/upload-chunk', () => (++chunks === 3 ? new Promise(() => {}) : Promise.resolve()))
  const { child, ended } = await startCommand(args, { url, cwd, cache })
  await vi.waitFor(() => expect(chunks).toBe(3))

  child.kill('SIGINT')
  const first = await ended
  const second = await runCommand(args, { url, cwd, cache })

  expect(first).toMatchObject({ code: 130, lines: [] })
  expect(first.stderr).toContain('Interrupted. The same command goes on from here')
  expect(second.code).toBe(0)
  expect(proxy.count(CHUNK)).toBe(3 + 3)
  expect(gateway.posted.map((document) => sha256(document.bytes))).toEqual([sha256(bytes)])
  expect(await readdir(join(cache, 'telestore-worker', 'uploads'))).toEqual([])
})

test('a refused token ends the command before the other files', async () => {
  const { proxy, url, cwd } = await start()
  for (const name of ['a', 'b', 'c']) await writeFile(join(cwd, name), name)

  const { code, stderr } = await runCommand(['upload', 'a', 'b', 'c'], { url, cwd, token: 'no' })

  expect(code).toBe(1)
  expect(stderr).toContain('a: The token is not valid (see TELESTORE_TOKEN)')
  expect(stderr).toContain('2 more not tried')
  expect(proxy.requests).toEqual(['POST /init-upload'])
})

test('a token may come from a file', async () => {
  const { url, cwd } = await start()
  await writeFile(join(cwd, 'a'), 'a')
  await writeFile(join(cwd, 'token'), 'token-ann\nanother line\n')

  const ended = await runCommand(['upload', 'a', '--token-file', 'token', '-q'], {
    url,
    cwd,
    token: '',
  })

  expect(ended.code).toBe(0)
})

test.each([
  [['upload', 'folder'], 0, 'There is nothing to send'],
  [['upload', 'folder', '--file-name', 'a'], 2, 'the files of a folder cannot have one name'],
  [['upload', 'missing'], 1, 'missing: there is no such file'],
  [['upload'], 2, 'upload: no file is named'],
  [['frobnicate'], 2, 'there is no command frobnicate'],
  [['upload', 'a', 'b', '--file-name', 'c'], 2, 'several files cannot have one name'],
  [['upload', 'a', '--parallel', '0'], 2, '--parallel: expected a whole number from 1 to 16'],
  [['upload', 'a', '--force'], 2, '--force is no option of upload'],
  [['upload', 'a', '--nonsense'], 2, "Unknown option '--nonsense'"],
  [['upload', 'a', '--url', 'nowhere'], 2, '--url: expected an address'],
])('%j ends with %i and says why', async (args, code, sentence) => {
  const folder = join(await makeTempDir(), 'folder')
  await mkdir(folder)
  const env = { TELESTORE_URL: 'http://127.0.0.1:9', TELESTORE_TOKEN: 'token-ann' }

  const ended = await runHere(
    args.map((word) => (word === 'folder' ? folder : word)),
    env,
  )

  expect(ended).toMatchObject({ code, lines: [] })
  expect(ended.stderr).toContain(sentence)
  expect(ended.stderr).not.toContain('    at ')
})

test('on a terminal two bars are drawn in place, and removed before the result', () => {
  const err = createSink({ isTTY: true, columns: 100 })
  const screen = createScreen({ out: createSink(), err })
  const reporter = createUploadReporter(screen)
  const progress: UploadProgress = {
    uploadId: 'a',
    fileName: 'evil\u001b[31m.bin',
    phase: 'sending',
    sentBytes: 50 * MiB,
    storedBytes: 45 * MiB,
    totalBytes: 100 * MiB,
    speed: 2 * MiB,
    secondsLeft: 25,
    telegramPercent: 31.5,
    telegramPhase: 'waiting',
    waiting: { on: 'telegram', seconds: 12 },
    text: '',
    error: null,
  }

  reporter.tell(progress)
  reporter.tell({ ...progress, sentBytes: 100 * MiB, speed: null, secondsLeft: null })
  reporter.end()

  const [first = '', second = '', ...rest] = err.text().split('\u001b[3A')
  expect(first).toContain('evil?[31m.bin (100 MB)')
  expect(first).toMatch(/to the worker +\[█{15}░{15}\] +50 % +2\.0 MB\/s, 25 s left/)
  expect(first).toMatch(/into Telegram +\[█{9}░{21}\] +31 % +Telegram asks to wait 12 s/)
  expect(second).toMatch(/to the worker +\[█{30}\] 100 %/)
  expect(rest).toEqual(['\u001b[0J'])
})
