import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type LibraryItem, type LibrarySync, TeleStoreError } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import { safePaths } from '../../lib/safe-paths.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { FOR_ALL, reasonOf } from '../failure.ts'
import { safeName } from '../target.ts'
import { formatBytes } from '../terminal/bars.ts'
import { download, lineOf } from './download-command.ts'
import { findThing } from './find-thing.ts'
import { warningOf } from './library-command.ts'
import { alreadyThere } from './part-file.ts'
import { saveFile } from './save-file.ts'

/** File systems allow 255 bytes; the ending of a part file needs some of them. */
const MAX_NAME_BYTES = 230

/**
 * Downloads a file by its path, or a folder with all that is below it as a tree of files. What is here by
 * an earlier run stays. Returns 1 when any file has failed.
 */
export async function downloadPath(
  command: CommandOf<'download-path'>,
  context: CommandContext,
): Promise<number> {
  const { path, output } = command
  const thing = path === '/' ? null : await findThing(path, context)
  if (thing?.kind === 'file') {
    const { messageId } = thing.file
    const whole = { fileName: null, fileId: null, range: null }
    return download({ ...command, ...whole, kind: 'download', messageId }, context)
  }
  const names = path.split('/').filter((name) => name !== '')
  const root = output ?? safeName(names.at(-1) ?? 'telestore')
  const items = await itemsBelow(path, context)
  const paths = safePaths(
    items.map(({ folder, fileName: name }) => {
      return { folder: foldersOf(folder).slice(names.length), name }
    }),
    [],
    MAX_NAME_BYTES,
  )
  return bringAll(
    command,
    context,
    items.map((item, index) => {
      return { item, target: join(root, ...(paths.files[index] ?? '').split('/')) }
    }),
  )
}

/** All files in a folder and below, in the order of an archive: names that collide get the same numbers. */
async function itemsBelow(
  folder: string,
  { client, screen, signal }: CommandContext,
): Promise<LibraryItem[]> {
  const items: LibraryItem[] = []
  let sync: LibrarySync | null = null
  const query = { folder, recursive: true, sort: 'date', order: 'asc', limit: 500 } as const
  for await (const page of client.library.pages(query, { signal })) {
    items.push(...page.items)
    sync = page.sync
  }
  const warning = sync && warningOf(sync)
  if (warning) screen.say(warning)
  return items.sort(byPath)
}

function byPath(a: LibraryItem, b: LibraryItem): number {
  const [left, right] = [`${a.folder}/${a.fileName}`, `${b.folder}/${b.fileName}`]
  if (left !== right) return left < right ? -1 : 1
  return a.messageId - b.messageId
}

interface Wanted {
  item: LibraryItem
  target: string
}

async function bringAll(
  command: CommandOf<'download-path'>,
  context: CommandContext,
  wanted: readonly Wanted[],
): Promise<number> {
  const { screen, signal } = context
  const counts = { downloaded: 0, hereBefore: 0, failed: 0, notTried: 0, bytes: 0 }
  let isOver = false
  for (const { item, target } of wanted) {
    signal.throwIfAborted()
    if (isOver) {
      counts.notTried++
      continue
    }
    const { messageId } = item
    try {
      const bytes = await bringOne(command, context, { item, target })
      if (bytes === null) counts.hereBefore++
      else counts.downloaded++
      counts.bytes += bytes ?? 0
      if (command.json) screen.print(JSON.stringify({ ok: true, messageId, file: target, bytes }))
    } catch (error) {
      signal.throwIfAborted()
      counts.failed++
      const reason = reasonOf(error)
      const code = error instanceof TeleStoreError ? error.code : 'LOCAL'
      isOver = FOR_ALL.has(code)
      if (command.json) {
        screen.print(JSON.stringify({ ok: false, messageId, file: target, error: reason, code }))
      } else screen.say(`${printable(target)}: ${reason}`)
    }
  }
  if (command.json) screen.print(JSON.stringify({ summary: counts }))
  else for (const line of linesOf(counts)) screen.say(line)
  return counts.failed > 0 ? 1 : 0
}

/** Resolves with the bytes that came; null where the file is here already. */
async function bringOne(
  command: CommandOf<'download-path'>,
  context: CommandContext,
  { item, target }: Wanted,
): Promise<number | null> {
  const { client, screen, signal } = context
  if (await isHere(item, target)) return null
  if (!command.force && (await stat(target).catch(() => null))) throw alreadyThere(target)
  await mkdir(dirname(target), { recursive: true })
  const startedAt = Date.now()
  const saved = await saveFile(context, {
    open: (rest) => client.download(item.messageId, { signal, ...rest }),
    targetFor: () => target,
    force: command.force,
    quiet: command.quiet,
    isOneOfMany: true,
  })
  await setTime(item, target)
  if (!command.json) screen.print(lineOf(saved, Date.now() - startedAt))
  return saved.bytes - saved.before
}

/** Whether an earlier run has brought this very file: by its time, or else by its digest. */
async function isHere(item: LibraryItem, target: string): Promise<boolean> {
  const found = await stat(target).catch(() => null)
  if (!found?.isFile() || found.size !== item.size) return false
  if (Math.floor(found.mtimeMs / 1000) === secondsOf(item)) return true
  if (item.sha256 === null || (await digestOf(target)) !== item.sha256) return false
  await setTime(item, target)
  return true
}

async function setTime(item: LibraryItem, target: string): Promise<void> {
  const seconds = secondsOf(item)
  // Some file systems refuse some times, and the file is here all the same.
  await utimes(target, seconds, seconds).catch(() => {})
}

function secondsOf({ modifiedAt, createdAt }: LibraryItem): number {
  return Math.floor((modifiedAt ?? createdAt).getTime() / 1000)
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path)) hash.update(piece)
  return hash.digest('hex')
}

function foldersOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

interface Counts {
  downloaded: number
  hereBefore: number
  failed: number
  notTried: number
  bytes: number
}

function linesOf({ downloaded, hereBefore, failed, notTried, bytes }: Counts): string[] {
  const files = `${downloaded} file${downloaded === 1 ? '' : 's'} downloaded`
  return [
    `${files}, ${formatBytes(bytes)}`,
    ...(hereBefore > 0 ? [`${hereBefore} here before`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(notTried > 0 ? [`${notTried} not tried`] : []),
  ]
}
