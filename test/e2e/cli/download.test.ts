import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { startFaultProxy } from '../../../packages/client/test/fault-proxy.ts'
import { safeName } from '../../../src/cli/target.ts'
import { MiB } from '../../../src/lib/units.ts'
import { runCommand, runHere, startCommand } from '../../cli/command.ts'
import { sha256, uploadFile } from '../../helpers/callers/client.ts'
import { createFakeGateway, documentFileIdOf } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

async function start({ size = 100_000, name = 'video.mp4', env = {} } = {}) {
  const gateway = createFakeGateway()
  const bytes = randomBytes(size)
  gateway.posted.push({ messageId: 1, name, mimeType: 'video/mp4', bytes })
  const worker = await startWorker({ env, gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  return { gateway, proxy, bytes, at: { url: proxy.url, cwd: await makeTempDir() } }
}

/** The same with a file that the worker has sent itself, and so has a receipt of. */
async function startWithReceipts(size: number) {
  // What was damaged must not come from memory again.
  const started = await start({ size, env: { BLOCK_CACHE_BYTES: '0' } })
  started.gateway.posted.pop()
  started.gateway.fileIdOf = documentFileIdOf
  const bytes = randomBytes(size)
  await uploadFile(started.at.url, 'video.mp4', bytes, { token: 'token-ann' })
  return { ...started, bytes }
}

function flipByte(bytes: Buffer | undefined): void {
  if (bytes) bytes[500] = (bytes[500] ?? 0) ^ 1
}

test('a file comes back under the name it was sent with', async () => {
  const { at, bytes } = await start({ name: '../Grüße "1".mp4' })

  const ended = await runCommand(['download', '1'], at)

  expect(ended.code).toBe(0)
  expect(ended.lines).toEqual([expect.stringMatching(/^Grüße _1_\.mp4: 97\.7 KB in \d+ s$/)])
  expect(await readdir(at.cwd)).toEqual(['Grüße _1_.mp4'])
  expect(sha256(await readFile(join(at.cwd, 'Grüße _1_.mp4')))).toBe(sha256(bytes))
})

test('an existing file is overwritten only with --force', async () => {
  const { at, bytes } = await start()
  const path = join(at.cwd, 'video.mp4')
  await writeFile(path, 'mine')

  const refused = await runCommand(['download', '1'], at)
  const kept = await readFile(path, 'utf8')
  const forced = await runCommand(['download', '1', '--force', '--json'], at)

  expect(refused).toMatchObject({ code: 1, lines: [] })
  expect(refused.stderr).toContain('video.mp4 exists already: --force overwrites it')
  expect(kept).toBe('mine')
  expect(JSON.parse(forced.lines[0] ?? '')).toMatchObject({ ok: true, file: 'video.mp4' })
  expect(sha256(await readFile(path))).toBe(sha256(bytes))
})

test('after Ctrl-C the same command reads only the rest', async () => {
  const { at, bytes, gateway, proxy } = await start({ size: 8 * MiB })
  let blocks = 0
  gateway.beforeRead = () => (++blocks > 3 ? new Promise(() => {}) : Promise.resolve())
  const { child, ended } = await startCommand(['download', '1'], at)
  await vi.waitFor(async () => expect(await partBytes(at.cwd)).toBeGreaterThan(MiB))

  child.kill('SIGINT')
  const first = await ended
  const kept = await partBytes(at.cwd)
  gateway.beforeRead = async () => {}
  const second = await runCommand(['download', '1'], at)

  expect(first.code).toBe(130)
  expect(second.code).toBe(0)
  expect(await readdir(at.cwd)).toEqual(['video.mp4'])
  expect(sha256(await readFile(join(at.cwd, 'video.mp4')))).toBe(sha256(bytes))
  expect(proxy.headers.at(-1)).toMatchObject({
    range: `bytes=${kept}-${bytes.length - 1}`,
    'if-range': '"1001"',
  })
})

test('a file that was damaged on its way gets no name, and the next try begins anew', async () => {
  const { at, gateway, bytes } = await startWithReceipts(3 * MiB)
  flipByte(gateway.posted[0]?.bytes)

  const damaged = await runCommand(['download', '1'], at)
  const left = await readdir(at.cwd)
  flipByte(gateway.posted[0]?.bytes)
  const whole = await runCommand(['download', '1', '--json'], at)

  expect(damaged).toMatchObject({ code: 1, lines: [] })
  expect(damaged.stderr).toContain('The file was damaged on its way')
  expect(left).not.toContain('video.mp4')
  expect(JSON.parse(whole.lines[0] ?? '')).toMatchObject({ ok: true, sha256: sha256(bytes) })
  expect(sha256(await readFile(join(at.cwd, 'video.mp4')))).toBe(sha256(bytes))
  expect(await readdir(at.cwd)).toEqual(['video.mp4'])
})

test('what an earlier try has left is checked with the rest', async () => {
  const { at, gateway, bytes } = await startWithReceipts(8 * MiB)
  let blocks = 0
  gateway.beforeRead = () => (++blocks > 3 ? new Promise(() => {}) : Promise.resolve())
  const { child, ended } = await startCommand(['download', '1'], at)
  await vi.waitFor(async () => expect(await partBytes(at.cwd)).toBeGreaterThan(MiB))
  child.kill('SIGINT')
  await ended
  gateway.beforeRead = async () => {}
  const [part = ''] = await readdir(at.cwd)
  const kept = await readFile(join(at.cwd, part))
  flipByte(kept)
  await writeFile(join(at.cwd, part), kept)

  const damaged = await runCommand(['download', '1'], at)
  const left = await partBytes(at.cwd)
  const whole = await runCommand(['download', '1'], at)

  expect(damaged.stderr).toContain('The file was damaged on its way')
  expect(left).toBe(0)
  expect(whole.code).toBe(0)
  expect(sha256(await readFile(join(at.cwd, 'video.mp4')))).toBe(sha256(bytes))
})

test('the part file of another file is not used', async () => {
  const { at, bytes, gateway } = await start({ size: 3 * MiB })
  let blocks = 0
  gateway.beforeRead = () => (++blocks > 1 ? new Promise(() => {}) : Promise.resolve())
  const { child, ended } = await startCommand(['download', '1'], at)
  await vi.waitFor(async () => expect(await readdir(at.cwd)).toHaveLength(1))
  child.kill('SIGINT')
  await ended
  const [part = ''] = await readdir(at.cwd)
  await writeFile(join(at.cwd, part), 'half of the old file')
  gateway.beforeRead = async () => {}
  const other = randomBytes(bytes.length)
  gateway.posted.push({ messageId: 2, name: 'video.mp4', mimeType: 'video/mp4', bytes: other })

  const { code } = await runCommand(['download', '2'], at)

  expect(code).toBe(0)
  expect(sha256(await readFile(join(at.cwd, 'video.mp4')))).toBe(sha256(other))
  expect(await readFile(join(at.cwd, part), 'utf8')).toBe('half of the old file')
})

test('only the bytes of the file go to standard output', async () => {
  const { at, bytes } = await start()

  const whole = await runCommand(['download', '1', '--output', '-'], at)
  const range = await runCommand(['download', '1', '-o', '-', '--range', '1000-1999'], at)

  expect(sha256(whole.stdout)).toBe(sha256(bytes))
  expect(range.stdout.equals(bytes.subarray(1000, 2000))).toBe(true)
  expect(await readdir(at.cwd)).toEqual([])
})

test('a folder named by --output gets the file', async () => {
  const { at } = await start()
  await mkdir(join(at.cwd, 'there'))

  const { code } = await runCommand(['download', '1', '--output', 'there', '--quiet'], at)

  expect(code).toBe(0)
  expect(await readdir(join(at.cwd, 'there'))).toEqual(['video.mp4'])
})

test.each([
  [['download', '9'], 1, 'There is no such file'],
  [['download', 'nine'], 2, 'expected the number of a message'],
  [['download', '1', '--range', '9-1'], 2, '--range: expected FIRST-LAST'],
  [['download', '1', '--range', '999999-'], 1, 'The file has no such range'],
])('%j ends with %i and says why', async (args, code, sentence) => {
  const { at } = await start()

  const ended = await runHere(args, { TELESTORE_URL: at.url, TELESTORE_TOKEN: 'token-ann' })

  expect(ended.code).toBe(code)
  expect(ended.stderr).toContain(sentence)
})

test.each([
  ['video.mp4', 'video.mp4'],
  ['../../etc/passwd', 'passwd'],
  ['C:\\Windows\\evil.exe', 'evil.exe'],
  ['.bashrc', '_bashrc'],
  ['-rf', '_rf'],
  ['..', '_'],
  ['', '_'],
  ['a\u001b[2Jb\n.txt', 'a_[2Jb_.txt'],
  ['invoice\u202efdp.exe', 'invoice_fdp.exe'],
  ['con.txt', '_con.txt'],
  ['dots...', 'dots'],
])('the served name %j becomes %j', (served, name) => {
  expect(safeName(served)).toBe(name)
})

test('a name that is too long keeps its ending and its characters whole', () => {
  const name = safeName(`${'ü🎉'.repeat(100)}.mp4`)

  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(180)
  expect(name).toMatch(/^[ü🎉]+\.mp4$/u)
})

async function partBytes(folder: string): Promise<number> {
  const [part] = (await readdir(folder)).filter((name) => name.endsWith('.part'))
  return part === undefined ? 0 : (await readFile(join(folder, part))).length
}
