import { randomBytes } from 'node:crypto'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { hashToken } from '../../src/backend/token.ts'
import { libraryKeyOf } from '../../src/core/model/library/posts.ts'
import type { FileRow, FolderPost } from '../../src/core/ports/catalogue.ts'
import { openLedger } from '../../src/storage/ledger/ledger.ts'
import { createRandom } from '../../test/chaos/random.ts'
import { startEmulator } from '../harness/emulator.ts'
import { tempFolder } from '../harness/processes.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import type { Scope } from '../harness/scope.ts'
import { startWorker, type WorkerProcess } from '../harness/worker.ts'

export const title = 'A library of 100,000 files'

const FILES = 100_000
const FILES_IN_FOLDER = 10_000
const FOLDERS = 1_000
/** Rows of one call, as a page of a channel brings them. */
const SLICE = 100
/** Together they are fewer than one token may make in a minute. */
const CALLS = { folder: 200, search: 200, scan: 100, beside: 50 }
const FOLDER = '/Holiday'
const WORDS = ['IMG', 'summer', 'Москва', 'report', 'Über', 'final', 'video', '東京', 'invoice']
const ENDINGS = ['jpg', 'mp4', 'pdf', 'zip', 'mkv', 'txt']

const LISTS = ['name', 'size', 'date'].map((sort) => `/library?folder=${FOLDER}&sort=${sort}`)
/** Of many names, of few, of none; by words of several scripts; with a filter. */
const SEARCHES = [
  'q=img',
  'q=report+mp4',
  'q=12345',
  'q=nowhere',
  'q=%E6%9D%B1%E4%BA%AC',
  'q=uber&sort=size',
  'q=video&kind=archive&sort=size&order=asc',
].map((query) => `/library?${query}`)
/** All names must be looked at, and none is right. */
const SCANS = ['q=qx', 'q=qx&sort=size', 'recursive=true&kind=audio'].map(
  (query) => `/library?${query}`,
)

/** Pages of a library in the ledger of the worker, over HTTP on one connection; nothing asks Telegram. */
export async function run(scope: Scope): Promise<Figure[]> {
  const directory = await tempFolder(scope)
  const key = randomBytes(32)
  const emulator = await startEmulator(scope)
  const { channelId } = emulator.account
  const token = 'bench'
  const written = await fill(directory, { key, channelId, owner: hashToken(token) })
  const env = { DATA_DIR: directory, LEDGER_KEY: key.toString('hex') }
  const worker = await startWorker(scope, emulator, { env })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  scope.onEnd(() => agent.destroy())
  const caller = { worker, agent }

  await timesOf(caller, [...LISTS, ...SEARCHES], 20)
  const lists = await measure(caller, LISTS, CALLS.folder)
  const searches = await measure(caller, SEARCHES, CALLS.search)
  const scans = await measure(caller, SCANS, CALLS.scan)
  const others = watchOthers(worker, scope)
  await timesOf(caller, SCANS, CALLS.beside)
  const other = await others()
  return [
    figure('first page of a folder of 10,000 files, 99th percentile', 'ms', p99(lists.times), 50),
    figure('its CPU', 'ms', lists.cpu),
    figure('a search, 99th percentile', 'ms', p99(searches.times), 100),
    figure('its CPU', 'ms', searches.cpu),
    figure(
      'a search for which all names are looked at, 99th percentile',
      'ms',
      p99(scans.times),
      100,
    ),
    figure('its CPU', 'ms', scans.cpu),
    figure('another request meanwhile, 99th percentile', 'ms', p99(other), 25),
    figure('from the start of the worker to its first answer', 's', worker.firstAnswer, 1),
    figure('a page of 100 messages is written, median', 'ms', median(written)),
    figure('the longest of them', 'ms', Math.max(...written)),
  ]
}

function figure(name: string, unit: string, value: number, atMost?: number): Figure {
  return { figure: name, unit, values: { worker: value }, ...(atMost && { goals: [{ atMost }] }) }
}

/** Writes the rows, and returns the milliseconds of each call with files. */
async function fill(
  directory: string,
  { key, channelId, owner }: { key: Buffer; channelId: string; owner: string },
): Promise<number[]> {
  const credentials = { botToken: null, session: null, apiId: null, apiHash: null }
  const library = libraryKeyOf({ ...credentials, userId: owner, channelId })
  const ledger = openLedger({ path: join(directory, 'ledger.sqlite'), key, log: SILENT })
  const { files, folders } = makeChannel()
  for (const slice of slices(folders)) await ledger.applyToLibrary(library, { folders: slice })
  const times: number[] = []
  for (const slice of slices(files)) {
    const startedAt = performance.now()
    await ledger.applyToLibrary(library, { files: slice })
    times.push(performance.now() - startedAt)
  }
  // As if the channel had just been looked at, for as long as the bench runs.
  const lookedAt = Date.now() + 3_600_000
  await ledger.applyToLibrary(library, { sync: { pts: 1, scan: null, lookedAt } })
  await ledger.close()
  return times
}

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function slices<T>(list: readonly T[]): T[][] {
  const count = Math.ceil(list.length / SLICE)
  return Array.from({ length: count }, (_, n) => list.slice(n * SLICE, (n + 1) * SLICE))
}

/** Half of the files lie in the root, a tenth in one folder, the rest in a tree of others. */
function makeChannel(): { files: FileRow[]; folders: FolderPost[] } {
  const random = createRandom(7)
  const word = (): string => random.pick(WORDS as [string, ...string[]])
  const ending = (): string => random.pick(ENDINGS as [string, ...string[]])
  const idOf = (n: number): string => n.toString(16).padStart(32, '0')
  const folders = Array.from({ length: FOLDERS }, (_, n) => ({
    messageId: n + 1,
    folderId: idOf(n),
    name: n === 0 ? FOLDER.slice(1) : `${word()} ${n}`,
    parentId: n < 20 ? null : idOf(random.whole(1, n - 1)),
    editedAt: 1,
  }))
  const folderOf = (n: number): string | null => {
    if (n < FILES_IN_FOLDER) return idOf(0)
    return n < FILES / 2 ? idOf(random.whole(1, FOLDERS - 1)) : null
  }
  const files = Array.from({ length: FILES }, (_, n) => ({
    messageId: FOLDERS + n + 1,
    name: `${word()}_${word()} ${random.whole(0, 999_999)}.${ending()}`,
    folderId: folderOf(n),
    size: random.whole(1, 2_000_000_000),
    mimeType: 'application/octet-stream',
    postedAt: 1_700_000_000_000 + n * 1000,
    editedAt: null,
    modifiedAt: 1_600_000_000_000,
    sha256: randomBytes(32).toString('hex'),
    crc32: randomBytes(4).toString('hex'),
    hasThumbnail: false,
    captionId: randomBytes(16).toString('hex'),
    knowsPlace: true,
  }))
  return { files, folders }
}

interface Caller {
  worker: WorkerProcess
  agent?: Agent
}

/** The same with the milliseconds of CPU that a call takes. */
async function measure(
  caller: Required<Caller>,
  paths: readonly string[],
  calls: number,
): Promise<{ times: number[]; cpu: number }> {
  const before = caller.worker.usage().cpu
  const times = await timesOf(caller, paths, calls)
  return { times, cpu: ((caller.worker.usage().cpu - before) / calls) * 1000 }
}

/** Milliseconds of each of so many calls, one after another, of all paths by turns. */
async function timesOf(caller: Caller, paths: readonly string[], calls: number): Promise<number[]> {
  const times: number[] = []
  for (let call = 0; call < calls; call++) {
    times.push(await timeOf(caller, paths[call % paths.length] ?? '/'))
  }
  return times
}

/** Milliseconds until the last byte of the answer; rejects when it is no good one. */
function timeOf({ worker, agent }: Caller, path: string): Promise<number> {
  const headers = { authorization: `Bearer ${worker.token}` }
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const sent = request(`${worker.url}${path}`, { headers, agent }, (answer) => {
      answer.resume()
      answer.on('end', () => {
        if (answer.statusCode === 200) resolve(performance.now() - startedAt)
        else reject(new Error(`${path}: ${answer.statusCode}`))
      })
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** Asks for something cheap all the time; the returned function ends that, and tells how long each took. */
function watchOthers(worker: WorkerProcess, scope: Scope): () => Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  scope.onEnd(() => agent.destroy())
  const times: number[] = []
  let ended = false
  const asking = (async () => {
    while (!ended) {
      times.push(await timeOf({ worker, agent }, '/healthz'))
      await wait(1)
    }
  })()
  return async () => {
    ended = true
    await asking
    return times
  }
}

function p99(times: readonly number[]): number {
  const sorted = times.toSorted((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}
