import type {
  Library,
  LibraryFolder,
  LibraryItem,
  LibraryQuery,
  LibrarySync,
} from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { formatBytes } from '../terminal/bars.ts'
import type { Screen } from '../terminal/screen.ts'
import { inJobs } from './change-command.ts'

const PAGE = 500
/** How often the state of a rescan is asked for. */
const POLL_MS = 500
/** Year to minute. */
const DATE_LENGTH = 16

/** Prints what is in a folder. */
export async function list(command: CommandOf<'ls'>, context: CommandContext): Promise<number> {
  const { folder, recursive, sort, reverse, json } = command
  const order = reverse === (sort === 'name') ? 'desc' : 'asc'
  const query = { folder, recursive, sort, order } as const
  await printPages(query, { json, withPath: recursive }, context)
  return 0
}

/** Prints the files that have all words in their names, and folders too. Returns 1 when none has. */
export async function find(command: CommandOf<'find'>, context: CommandContext): Promise<number> {
  const { words, folder, fileKind, json } = command
  const query = { q: words.join(' '), folder, recursive: true, kind: fileKind ?? undefined }
  return (await printPages(query, { json, withPath: true }, context)) > 0 ? 0 : 1
}

interface Print {
  json: boolean
  /** Whether whole paths are shown, not names. */
  withPath: boolean
}

/** Prints all pages as they come, and returns how many lines there were. */
async function printPages(
  query: LibraryQuery,
  { json, withPath }: Print,
  { client, screen, signal }: CommandContext,
): Promise<number> {
  let lines = 0
  let state: LibrarySync | null = null
  for await (const page of client.library.pages({ ...query, limit: PAGE }, { signal })) {
    const shown = [
      ...page.folders.map((folder) =>
        json ? JSON.stringify(folder) : lineOfFolder(folder, withPath),
      ),
      ...page.items.map((item) => (json ? JSON.stringify(item) : lineOfItem(item, withPath))),
    ]
    for (const line of shown) screen.print(line)
    lines += shown.length
    state = page.sync
  }
  const warning = state && warningOf(state)
  if (warning) screen.say(warning)
  return lines
}

/** Prints what is left of large files that are no files any more, and deletes it where that is wanted. */
export async function leftovers(
  { remove, json }: Pick<CommandOf<'leftovers'>, 'remove' | 'json'>,
  context: CommandContext,
): Promise<number> {
  const { client, screen, signal } = context
  const found = await client.library.leftovers({ signal })
  for (const one of found) {
    const what = `${one.volumes} of ${one.of}`
    const date = dateText(one.createdAt)
    screen.print(
      json ? JSON.stringify(one) : lineOf(formatBytes(one.bytes), date, what, one.fileName),
    )
  }
  if (!remove) return 0
  const ids = found.flatMap(({ messageIds }) => messageIds)
  await inJobs(ids, context, (some) => client.library.deleteItems(some, { signal }))
  screen.say(`${ids.length} messages were deleted`)
  return 0
}

/** Telegram may ask to wait for a minute; a worker without access to the channel tries once a minute. */
const STANDSTILL_MS = 150_000
const STANDSTILL =
  'The worker gets no further at the moment: its log says why. It goes on by itself'

/** What it uses of the CommandContext. */
export interface RescanContext extends Pick<CommandContext, 'signal'> {
  client: { library: Pick<Library, 'rescan' | 'list'> }
  screen: Pick<Screen, 'draw' | 'print'>
}

/** A clock whose milliseconds only go forward. */
export interface Clock {
  now: () => number
  sleep: (ms: number, signal: AbortSignal) => Promise<void>
}

const CLOCK: Clock = { now: () => performance.now(), sleep }

/** Makes the worker read the channel, and waits until it has. Returns 1 where it cannot. */
export async function rescan(
  { json, quiet }: Pick<CommandOf<'rescan'>, 'json' | 'quiet'>,
  { client, screen, signal }: RescanContext,
  clock = CLOCK,
): Promise<number> {
  const before = await client.library.rescan({ signal })
  let sync = before
  let movedAt = clock.now()
  while (sync.state !== 'unavailable' && !hasEnded(sync, before)) {
    if (clock.now() - movedAt > STANDSTILL_MS) {
      screen.draw([])
      screen.print(json ? JSON.stringify(sync) : `${warningOf(sync)}. ${STANDSTILL}`)
      return 1
    }
    if (!quiet) screen.draw([scanOf(sync)])
    await clock.sleep(POLL_MS, signal)
    const next = (await client.library.list({ limit: 1 }, { signal })).sync
    if (next.seen !== sync.seen || next.state !== sync.state) movedAt = clock.now()
    sync = next
  }
  screen.draw([])
  const sentence = warningOf(sync) ?? 'The library agrees with the channel'
  screen.print(json ? JSON.stringify(sync) : sentence)
  return sync.state === 'unavailable' ? 1 : 0
}

function hasEnded({ state, at }: LibrarySync, before: LibrarySync): boolean {
  return state === 'current' && at?.getTime() !== before.at?.getTime()
}

function scanOf({ seen, total }: LibrarySync): string {
  return `The channel is being read: ${seen} ${total === null ? '' : `of about ${total} `}messages`
}

/** What a list may lack; null: nothing. */
export function warningOf(sync: LibrarySync): string | null {
  switch (sync.state) {
    case 'current':
      return null
    case 'unavailable':
      return 'The worker cannot see the messages of the channel: it knows of what was uploaded by it'
    case 'never':
      return 'The channel has not been read yet: files may be missing'
    case 'scanning':
      return `${scanOf(sync)}. Files may be missing`
  }
}

/** Columns: size, date, message, name. */
function lineOf(size: string, date: string, what: string, name: string): string {
  return `${size.padStart(9)}  ${date.padEnd(DATE_LENGTH)}  ${what.padStart(10)}  ${printable(name)}`
}

function dateText(date: Date): string {
  return date.toISOString().slice(0, DATE_LENGTH).replace('T', ' ')
}

function lineOfItem(item: LibraryItem, withPath: boolean): string {
  const { size, createdAt, messageId, fileName } = item
  const date = dateText(createdAt)
  const folder = item.folder === '/' ? '/' : `${item.folder}/`
  return lineOf(formatBytes(size), date, `${messageId}`, withPath ? folder + fileName : fileName)
}

function lineOfFolder({ bytes, files, path, name }: LibraryFolder, withPath: boolean): string {
  const what = `${files} file${files === 1 ? '' : 's'}`
  return lineOf(formatBytes(bytes), '', what, `${withPath ? path : name}/`)
}
