import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { LibrarySync } from 'telestore-client'
import { expect, onTestFinished, test } from 'vitest'
import { rescan } from '../../src/cli/commands/library-command.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeFile, makeFolder } from '../helpers/storage/ledger-contract/library.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { runHere } from './command.ts'

const PHOTOS = 'a'.repeat(32)
const POSTED = Date.UTC(2026, 10, 29, 4, 26, 55)
const UNSEEN = 'The worker cannot see the messages of the channel'

async function start() {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  const file = (id: number, name: string, folderId: string | null, size: number) =>
    makeFile(id, { name, folderId, size, postedAt: POSTED })
  await worker.adapters.ledger.applyToLibrary(
    { owner: 'ann', channelId: '-1001' },
    {
      folders: [makeFolder(1, PHOTOS, 'Fotos')],
      files: [
        file(2, 'film.mkv', null, 5 * 1024 * 1024),
        file(3, 'Ménage.jpg', PHOTOS, 10),
        file(4, 'über\u202e.jpg', PHOTOS, 20),
      ],
    },
  )
  return (args: string[]) =>
    runHere(args, { TELESTORE_URL: worker.url, TELESTORE_TOKEN: 'token-ann' })
}

test('ls shows folders and files with size, time and message, and what may be missing', async () => {
  const command = await start()

  const { code, lines, stderr } = await command(['ls'])

  expect(code).toBe(0)
  expect(lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['30 B', '2 files', 'Fotos/'],
    ['5.0 MB', '2026-11-29 04:26', '2', 'film.mkv'],
  ])
  expect(stderr).toContain(UNSEEN)
})

test.each([
  [
    ['ls', 'Fotos'],
    ['Ménage.jpg', 'über?.jpg'],
  ],
  [
    ['ls', '/Fotos', '--sort', 'size'],
    ['über?.jpg', 'Ménage.jpg'],
  ],
  [
    ['ls', '/Fotos', '--sort', 'size', '--reverse'],
    ['Ménage.jpg', 'über?.jpg'],
  ],
  [
    ['ls', '/Fotos', '--reverse'],
    ['über?.jpg', 'Ménage.jpg'],
  ],
  [
    ['ls', '-r'],
    ['/Fotos/', '/film.mkv', '/Fotos/Ménage.jpg', '/Fotos/über?.jpg'],
  ],
  [['find', 'MENAGE'], ['/Fotos/Ménage.jpg']],
  [['find', 'jpg', 'u'], ['/Fotos/über?.jpg']],
  [['find', 'fotos'], ['/Fotos/']],
  [
    ['find', 'f', '--kind', 'video'],
    ['/Fotos/', '/film.mkv'],
  ],
  [['find', 'm', '--folder', '/Fotos'], ['/Fotos/Ménage.jpg']],
])('%j shows %j', async (args, names) => {
  const command = await start()

  const { code, lines } = await command(args)

  expect(code).toBe(0)
  expect(lines.map((line) => line.slice(41))).toEqual(names)
})

test('--json gives one line for each folder and file', async () => {
  const command = await start()

  const { lines } = await command(['ls', '--json'])

  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { path: '/Fotos', files: 2, bytes: 30 },
    { messageId: 2, fileName: 'film.mkv', createdAt: '2026-11-29T04:26:55.000Z' },
  ])
})

test('find fails where nothing is found, ls where there is no folder', async () => {
  const command = await start()

  expect(await command(['find', 'nothing'])).toMatchObject({ code: 1, lines: [] })
  expect(await command(['ls', '/none'])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('There is no folder /none'),
  })
})

test.each([
  [['find'], 'no word is given'],
  [['ls', 'a', 'b'], 'b is one word too many'],
  [['ls', '--sort', 'colour'], 'expected name, size, date'],
  [['find', 'a', '--kind', 'film'], 'expected video'],
  [['rescan', '/a'], 'one word too many'],
])('%j is refused with how it is used', async (args, sentence) => {
  const ended = await runHere(args, { TELESTORE_TOKEN: 'token-ann' })

  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) })
})

test('leftovers shows what belongs to no file, and deletes it only where it is told to', async () => {
  const deleted: unknown[] = []
  const createdAt = '2026-11-29T04:26:55.000Z'
  const left = { fileName: 'a.mkv', volumes: 2, of: 3, bytes: 2048, createdAt, messageIds: [4, 5] }
  const job = { uploadId: 'job', status: 'completed', progress: 100 }
  const url = await serve(({ path, body }) => {
    if (path === '/library/leftovers') return { items: [left] }
    if (path === '/library/delete') deleted.push(body)
    return job
  })
  const command = (args: string[]) =>
    runHere(['leftovers', ...args], { TELESTORE_URL: url, TELESTORE_TOKEN: 't' })

  const shown = await command([])
  expect(shown.lines.map((line) => line.trim().split(/ {2,}/))).toEqual([
    ['2.0 KB', '2026-11-29 04:26', '2 of 3', 'a.mkv'],
  ])
  expect(deleted).toEqual([])
  expect((await command(['--json', '--delete'])).lines.map((line) => JSON.parse(line))).toEqual([
    left,
  ])
  expect(deleted).toEqual([{ items: [4, 5] }])
})

test('rescan waits until the library agrees with the channel', async () => {
  const at = (second: number) => `2026-11-29T04:26:0${second}.000Z`
  const states = [
    { state: 'scanning', seen: 100, total: 300, at: at(1) },
    // What the library was before: the reading has not begun yet.
    { state: 'current', seen: 0, total: null, at: at(1) },
    { state: 'current', seen: 0, total: null, at: at(2) },
  ]
  const url = await serve(({ method }) => {
    const sync = method === 'POST' ? states[0] : states.shift()
    return method === 'POST' ? { sync } : { items: [], folders: [], next: null, sync }
  })

  const { code, lines } = await runHere(['rescan'], { TELESTORE_URL: url, TELESTORE_TOKEN: 't' })

  expect([code, lines, states]).toEqual([0, ['The library agrees with the channel'], []])
})

test('rescan fails where the messages of the channel cannot be seen', async () => {
  const command = await start()

  const { code, lines } = await command(['rescan'])

  expect([code, lines]).toEqual([1, [expect.stringContaining(UNSEEN)]])
})

test('rescan gives up after 150 s without progress, and says who knows why', async () => {
  const stuck = { state: 'scanning', seen: 7, total: 300 } as const

  const { code, printed, waitedMs } = await rescanWith(() => stuck)

  expect(code).toBe(1)
  expect(printed).toEqual([expect.stringMatching(/7 of about 300 .*its log says why/)])
  expect(waitedMs).toBe(150_500)
})

test('rescan waits for as long as it takes while the reading gets on', async () => {
  const everyTwoMinutes = (ms: number) => Math.floor(ms / 120_000)

  const { code, printed, waitedMs } = await rescanWith((ms) =>
    ms < 3_600_000
      ? { state: 'scanning', seen: everyTwoMinutes(ms), total: null }
      : { state: 'current', seen: 0, total: null, at: new Date(ms) },
  )

  expect([code, printed]).toEqual([0, ['The library agrees with the channel']])
  expect(waitedMs).toBe(3_600_000)
})

/** Runs it against a library of these states, by the milliseconds that a clock of its own has waited. */
async function rescanWith(stateAt: (ms: number) => Omit<LibrarySync, 'at'> & { at?: Date }) {
  let waitedMs = 0
  const printed: string[] = []
  const sync = () => ({ at: null, ...stateAt(waitedMs) })
  const code = await rescan(
    { json: false, quiet: true },
    {
      client: {
        library: {
          rescan: async () => sync(),
          list: async () => ({ items: [], folders: [], next: null, sync: sync() }),
        },
      },
      screen: { draw: () => {}, print: (line) => void printed.push(line) },
      signal: new AbortController().signal,
    },
    {
      now: () => waitedMs,
      sleep: async (ms) => {
        waitedMs += ms
      },
    },
  )
  return { code, printed, waitedMs }
}

interface Asked {
  method: string
  path: string
  /** JSON; null: there is none. */
  body: unknown
}

async function serve(answer: (request: Asked) => object): Promise<string> {
  const server = createServer(async (request, response) => {
    const sent = await text(request)
    const { method = '', url: path = '' } = request
    const body = answer({ method, path, body: sent === '' ? null : JSON.parse(sent) })
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  })
  onTestFinished(() => void server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
