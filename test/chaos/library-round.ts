import { createHash } from 'node:crypto'
import { z } from 'zod'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import type { AccountKind } from '../helpers/peers/peer-processes.ts'
import { createRandom, type Random } from './random.ts'
import { Violation, type World } from './world.ts'

/** For one round: far beyond what the slowest machine needs. */
const ROUND_MS = 120_000
const FOLDERS = ['/A', '/A/B', '/C']
const FILES = 12
/** What is done when the worker dies. */
export const KINDS = [
  ...(['delete', 'rename', 'move', 'copy', 'move folder', 'delete folder', 'upload'] as const),
  ...(['rescan', 'replace'] as const),
] as const
export type Kind = (typeof KINDS)[number]
/** Those that are over after some requests to Telegram. */
const QUICK: ReadonlySet<Kind> = new Set(['delete', 'rename', 'move folder', 'rescan'])

const Progress = z.object({
  uploadId: z.string(),
  status: z.string(),
  error: z.string().nullable(),
})
const Item = z.object({ messageId: z.int(), fileName: z.string(), folder: z.string() })
const Folder = z.object({ path: z.string(), files: z.int(), bytes: z.int() })
const Page = z.object({
  items: z.array(Item),
  folders: z.array(Folder),
  next: z.string().nullable(),
  sync: z.object({ state: z.string(), at: z.string().nullable() }),
})
const Jobs = z.object({ jobs: z.array(Progress), changes: z.array(Progress) })

/** What was asked of the worker, and whether it said yes. */
interface Change {
  kind: Kind
  /** The files that it is about. */
  ids: readonly number[]
  /** The job that the worker has told of; null: none, or it died before. */
  jobId: string | null
  acknowledged: boolean
}

export interface LibraryRound {
  seed: number
  accountKind: AccountKind
  kind: Kind
  killedAfterMs: readonly number[]
}

/**
 * A channel with some files, one change, and one or two deaths of the worker while it is made. After
 * the next look library and channel agree, and nothing is lost that was not asked to be deleted.
 * Rejects with a Violation. `only`: the one change that is made.
 */
export async function runLibraryRound(
  world: World,
  seed: number,
  only?: Kind,
): Promise<LibraryRound> {
  const stuck = new AbortController()
  const deadline = sleep(ROUND_MS, stuck.signal).then(() => {
    throw new Violation('the round does not end')
  })
  try {
    return await Promise.race([play(world, seed, only), deadline])
  } finally {
    stuck.abort(new Error('over'))
    await deadline.catch(() => {})
    await world.clearFaults()
  }
}

async function play(world: World, seed: number, only?: Kind): Promise<LibraryRound> {
  const random = createRandom(seed)
  const accountKind = random.pick<AccountKind>(['user', 'user', 'both', 'bot'])
  const anyKind = random.pick(KINDS)
  const kind = only ?? anyKind
  const { token, channelId } = await world.addUser(`library-${seed}`, accountKind)
  const library = createLibraryCalls(world, token)
  await world.ready()
  const before = await library.fill(seed)
  for (const method of ['messages.editMessage', 'channels.deleteMessages', 'messages.sendMedia']) {
    const ms = random.whole(0, 60)
    await world.telegram('/faults', { method, effect: { kind: 'latency', ms } })
  }
  const change: Change = { kind, ids: someOf(random, before), jobId: null, acknowledged: false }
  const making = make(library, change, before).catch(() => {})
  const latest = QUICK.has(kind) ? 200 : 900
  const killedAfterMs = Array.from({ length: random.pick([1, 1, 2]) }, () =>
    random.whole(0, latest),
  )
  for (const ms of killedAfterMs) {
    await sleep(ms)
    await world.kill()
    makeLookDue(world)
    world.start()
    await world.ready()
  }
  await making
  await library.settled(change.jobId)
  const seen = await library.look()
  const read = await library.rescan()
  if (JSON.stringify(seen) !== JSON.stringify(read)) {
    throw new Violation(`a look sees another library than a rescan: ${differenceOf(seen, read)}`)
  }
  const channel = (await world.messages(channelId)).map(({ id }) => id)
  const shown = read.files.map(({ messageId }) => messageId)
  if (channel.toSorted(byNumber).join() !== shown.toSorted(byNumber).join()) {
    throw new Violation(`the channel has ${channel.join()}, the library ${shown.join()}`)
  }
  assertFoldersOnce(world, `library-${seed}`)
  check(change, before, read.files)
  return { seed, accountKind, kind, killedAfterMs }
}

type File = z.infer<typeof Item>

/** What is there now must be what was there, with the change made wholly or, unless told, in part. */
function check(change: Change, before: readonly File[], after: readonly File[]): void {
  const { kind, ids, acknowledged } = change
  const isDone = acknowledged || change.jobId !== null
  const deletes = kind === 'delete' || kind === 'delete folder' || kind === 'replace'
  for (const file of before) {
    const { messageId } = file
    const isMeant = ids.includes(messageId)
    const now = after.find((each) => each.messageId === messageId)
    if (!now && !(isMeant && deletes)) throw new Violation(`${file.fileName} is lost`)
    if (now && isMeant && deletes && isDone) throw new Violation(`${file.fileName} is still there`)
    const isTouched = isMeant && (kind === 'rename' || kind === 'move' || kind === 'move folder')
    if (now && !isTouched && placeOf(now) !== placeOf(file)) {
      throw new Violation(`${placeOf(file)} is ${placeOf(now)}`)
    }
    if (now && isTouched && isDone && placeOf(now) === placeOf(file)) {
      throw new Violation(`${placeOf(file)} is where it was`)
    }
  }
  const added = after.filter(({ messageId }) =>
    before.every((file) => file.messageId !== messageId),
  )
  const copies = kind === 'copy' ? ids.length : kind === 'upload' || kind === 'replace' ? 1 : 0
  if (added.length > copies) throw new Violation(`${added.length} new posts, not ${copies}`)
  if (isDone && added.length < copies) throw new Violation(`${added.length} of ${copies} new posts`)
}

/** Asks for the change; rejects when the worker dies meanwhile. */
async function make(library: LibraryCalls, change: Change, before: readonly File[]) {
  const { kind, ids } = change
  const [first = 0] = ids
  const names = new Map(before.map((file) => [file.messageId, file]))
  switch (kind) {
    case 'delete':
      change.jobId = await library.job('POST', '/library/delete', { items: ids })
      break
    case 'move':
      change.jobId = await library.job('POST', '/library/move', { items: ids, folder: '/New/Deep' })
      break
    case 'copy':
      change.jobId = await library.job('POST', '/library/copy', { items: ids, folder: '/New/Deep' })
      break
    case 'delete folder':
      change.ids = before.filter(({ folder }) => folder.startsWith('/A')).map(idOf)
      change.jobId = await library.job('DELETE', '/library/folders?path=/A&recursive=true')
      break
    case 'move folder':
      change.ids = before.filter(({ folder }) => folder.startsWith('/A')).map(idOf)
      await library.call('PATCH', '/library/folders?path=/A', { path: '/C/Moved' })
      break
    case 'rename':
      change.ids = [first]
      await library.call('PATCH', `/library/${first}`, { fileName: 'renamed', folder: '/New/Deep' })
      break
    case 'replace':
      change.ids = [first]
      await library.upload(names.get(first) ?? { fileName: 'x', folder: '/' }, 'replace')
      break
    case 'upload':
      change.ids = []
      await library.upload({ fileName: 'new', folder: '/New/Deep' })
      break
    case 'rescan':
      change.ids = []
      await library.call('POST', '/library/rescan')
      break
  }
  change.acknowledged = kind !== 'replace'
}

interface Library {
  files: File[]
  folders: z.infer<typeof Folder>[]
}

type LibraryCalls = ReturnType<typeof createLibraryCalls>

function createLibraryCalls(world: World, token: string) {
  const authorization = `Bearer ${token}`

  async function call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${world.url}${path}`, {
      method,
      headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    if (!answer.ok) throw new Violation(`${method} ${path}: ${answer.status} ${text}`)
    return text === '' ? null : JSON.parse(text)
  }

  async function upload(
    { fileName, folder }: Pick<File, 'fileName' | 'folder'>,
    onConflict?: string,
  ): Promise<void> {
    const form = new FormData()
    for (const [name, value] of Object.entries({ fileName, folder, onConflict })) {
      if (value !== undefined) form.append(name, value)
    }
    form.append('file', new Blob([createHash('sha256').update(fileName).digest()]), fileName)
    const init = { method: 'POST', headers: { authorization }, body: form }
    const answer = await fetch(`${world.url}/upload`, init)
    if (!answer.ok) throw new Violation(`upload: ${answer.status} ${await answer.text()}`)
  }

  async function pages(query: string): Promise<z.infer<typeof Page>> {
    const all: z.infer<typeof Page> = { items: [], folders: [], next: null, sync: NO_SYNC }
    do {
      const cursor = all.next === null ? '' : `&cursor=${all.next}`
      const page = Page.parse(await call('GET', `/library?limit=500&${query}${cursor}`))
      all.items.push(...page.items)
      all.folders.push(...page.folders)
      Object.assign(all, { next: page.next, sync: page.sync })
    } while (all.next !== null)
    return all
  }

  /** The whole library as it is known. */
  async function list(): Promise<Library> {
    const { items } = await pages('folder=/&recursive=true&sort=date&order=asc')
    const folders: Library['folders'] = []
    const open = ['/']
    for (let path = open.pop(); path !== undefined; path = open.pop()) {
      const inside = (await pages(`folder=${encodeURIComponent(path)}`)).folders
      folders.push(...inside)
      open.push(...inside.map((folder) => folder.path))
    }
    const files = items.map(({ messageId, fileName, folder }) => ({ messageId, fileName, folder }))
    return { files, folders: folders.sort((a, b) => (a.path < b.path ? -1 : 1)) }
  }

  /** Waits until the library agrees with the channel, after `at`. */
  async function current(at: string | null): Promise<Library> {
    for (;;) {
      const { sync } = await pages('folder=/')
      if (sync.state === 'current' && sync.at !== at) return list()
      await sleep(30)
    }
  }

  return {
    call,
    upload,
    job: async (method: string, path: string, body?: unknown): Promise<string> =>
      Progress.parse(await call(method, path, body)).uploadId,
    /** Some files in some folders, and a library that knows them. */
    fill: async (seed: number): Promise<File[]> => {
      const files = Array.from({ length: FILES }, (_, index) => ({
        fileName: `${seed}-${index}.txt`,
        folder: FOLDERS[index % FOLDERS.length] ?? '/',
      }))
      await Promise.all(files.map((file) => upload(file)))
      await call('GET', '/library')
      return (await current(null)).files
    },
    /** Waits until nothing of this user is on its way. */
    settled: async (jobId: string | null): Promise<void> => {
      for (;;) {
        const { jobs, changes } = Jobs.parse(await call('GET', '/jobs?limit=200'))
        const failed = [...jobs, ...changes].find(({ status }) => status === 'failed')
        if (failed) throw new Violation(`a job has failed: ${failed.error}`)
        if (jobId !== null && changes.every(({ uploadId }) => uploadId !== jobId)) {
          throw new Violation('the worker has forgotten a job')
        }
        if ([...jobs, ...changes].every(({ status }) => status === 'completed')) return
        await sleep(30)
      }
    },
    look: async (): Promise<Library> => {
      const { sync } = await pages('folder=/')
      return current(sync.at)
    },
    rescan: async (): Promise<Library> => {
      const { sync } = await pages('folder=/')
      await call('POST', '/library/rescan')
      return current(sync.at)
    },
  }
}

const NO_SYNC = { state: 'never', at: null }

/** After a rescan the rows have every message of a folder: each folder was posted once. */
function assertFoldersOnce(world: World, owner: string): void {
  const twice = world.ledger((database) =>
    database
      .prepare(
        `SELECT name FROM library_folder_posts JOIN libraries ON library = libraries.id
         WHERE owner = ? GROUP BY parent_id, name HAVING count(*) > 1`,
      )
      .all(owner),
  )
  if (twice.length > 0) throw new Violation(`a folder was made twice: ${JSON.stringify(twice)}`)
}

/** A look is made once a minute: a dead worker's clock is turned, so that the next one is due. */
function makeLookDue(world: World): void {
  world.ledger((database) => {
    database.exec('UPDATE libraries SET looked_at = looked_at - 120000 WHERE looked_at IS NOT NULL')
  })
}

function someOf(random: Random, files: readonly File[]): number[] {
  return random.shuffle(files.map(idOf)).slice(0, random.whole(1, files.length))
}

function idOf({ messageId }: File): number {
  return messageId
}

function placeOf({ folder, fileName }: File): string {
  return `${folder === '/' ? '' : folder}/${fileName}`
}

function byNumber(a: number, b: number): number {
  return a - b
}

function differenceOf(a: Library, b: Library): string {
  const lines = (library: Library): string[] => [
    ...library.files.map((file) => `${file.messageId} ${placeOf(file)}`),
    ...library.folders.map((folder) => JSON.stringify(folder)),
  ]
  const [before, after] = [new Set(lines(a)), new Set(lines(b))]
  const only = (from: Set<string>, other: Set<string>): string =>
    [...from].filter((line) => !other.has(line)).join(', ')
  return `${only(before, after)} / ${only(after, before)}`
}
