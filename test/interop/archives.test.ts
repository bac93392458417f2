import { randomBytes } from 'node:crypto'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Api, InputFile } from 'node-telegram-bot-api'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { createRandom } from '../chaos/random.ts'
import { sha256 } from '../helpers/callers/client.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'
import { startCuttingProxy } from './support/cutting-proxy.ts'
import { type Program, run } from './support/programs.ts'
import { sha256OfFile } from './support/served-file.ts'

/** Cuts of one download. */
const CUTS = 50

/** A worker whose channel has these files in `/Trip` and in folders below. */
async function start(files: readonly { name: string; folder: string; bytes: Buffer }[]) {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir())
  for (const { name, folder, bytes } of files) {
    const form = new FormData()
    const fields = { folder, fileName: name, fileSize: String(bytes.length) }
    for (const [key, value] of Object.entries(fields)) form.append(key, value)
    form.append('file', new Blob([Uint8Array.from(bytes)]), 'file')
    const headers = { authorization: 'Bearer main' }
    const answer = await fetch(`${worker.url}/upload`, { method: 'POST', headers, body: form })
    expect(answer.status).toBe(200)
  }
  const home = await makeTempDir()
  const path = '/archive?folder=/Trip&token=main'
  return { telegram, worker, home, path, link: worker.url + path }
}

const NAMES = [
  ...['Übersicht ☀.txt', 'a.txt', 'A.txt', 'a.txt', 'con', 'end. ', 'what?:|.txt', '-rf'],
  ...['日本語.txt', `${'x'.repeat(250)}.txt`, 'plain.bin'],
]

test('every archiver takes an archive: of files from here, and with one that others have posted', async () => {
  const files = NAMES.map((name, index) => {
    return { name, folder: index % 2 ? '/Trip' : '/Trip/Day 1', bytes: randomBytes(50_000 + index) }
  })
  const { telegram, worker, home, link } = await start(files)
  const { account, botApi } = telegram
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const theirs = randomBytes(2 * MiB)
  await api.sendDocument({
    chat_id: account.channelId ?? '',
    document: new InputFile(theirs, { filename: 'theirs.bin' }),
  })
  await vi.waitFor(async () => {
    const answer = await fetch(`${worker.url}/library?q=theirs&token=main`)
    expect((await answer.json()).items).toHaveLength(1)
  })

  const zips = { trip: link, first: `${worker.url}/archive?folder=/&token=main` }
  for (const [name, address] of Object.entries(zips)) {
    const path = join(home, `${name}.zip`)
    await writeFile(path, Buffer.from(await (await fetch(address)).arrayBuffer()))

    expect((await run('unzip', ['-t', path], { home })).toString()).toContain('No errors detected')
    expect((await run('7zz', ['t', path], { home })).toString()).toContain('Everything is Ok')
    await run('python3', ['-c', PYTHON, path], { home })
    await run('bsdtar', ['-xf', path, '-C', await makeTempDir()], { home })
    // As a stream, without the directory at its end.
    await run('bsdtar', ['-tf', '-'], { home, input: await readFile(path) })
  }

  const folder = await makeTempDir()
  await run('unzip', ['-q', join(home, 'trip.zip'), '-d', folder], { home })
  const unpacked = await readdir(folder, { recursive: true })
  const digests = await Promise.all(
    unpacked.map(async (name) => {
      const path = join(folder, name)
      return (await stat(path)).isFile() ? sha256OfFile(path) : null
    }),
  )
  expect(digests.filter((digest) => digest !== null).sort()).toEqual(
    files.map(({ bytes }) => sha256(bytes)).sort(),
  )
})

/** Fails where a file is damaged, and where a name or a header differs from the directory's. */
const PYTHON = 'import sys,zipfile; bad=zipfile.ZipFile(sys.argv[1]).testzip(); sys.exit(bad and 1)'

test.each<[string, Program, (address: string, path: string) => string[]]>([
  ['curl -C -', 'curl', (address, path) => ['-q', '-sS', '-C', '-', '-o', path, address]],
  [
    'aria2c -x8',
    'aria2c',
    (address, path) => [
      ...['--no-conf', '-q', '-x8', '-s8', '-k1M', '--file-allocation=none', '--max-tries=0'],
      ...['--retry-wait=0', '-c', '-d', path.replace(/\/[^/]*$/, ''), '-o', 'back.zip', address],
    ],
  ],
])(`an archive that is cut ${CUTS} times comes whole by %s`, async (_, program, argsFor) => {
  const files = Array.from({ length: 12 }, (_, index) => {
    const bytes = randomBytes(index === 7 ? 12 * MiB : 700 * KiB + index)
    return { name: `${index}.bin`, folder: '/Trip', bytes }
  })
  const { worker, home, path, link } = await start(files)
  const whole = sha256(Buffer.from(await (await fetch(link)).arrayBuffer()))
  const random = createRandom(20_261_129)
  const proxy = await startCuttingProxy(worker.url, {
    cuts: CUTS,
    afterBytes: () => random.whole(400, 400 * KiB),
  })
  const target = join(home, 'back.zip')

  let isDone = false
  while (!isDone) {
    isDone = await run(program, argsFor(proxy.url + path, target), { home }).then(
      () => true,
      () => false,
    )
  }

  expect(proxy.cuts).toBe(CUTS)
  expect(await sha256OfFile(target)).toBe(whole)
})
