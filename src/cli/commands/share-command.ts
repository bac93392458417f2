import { readFile } from 'node:fs/promises'
import type { Share } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { LocalFailure } from '../failure.ts'
import { findThing } from './find-thing.ts'

/** Prints a new link to files, or to one folder. */
export async function share(command: CommandOf<'share'>, context: CommandContext): Promise<number> {
  const { sources, expiresIn, maxDownloads, title, json } = command
  const { client, screen, signal } = context
  const items: number[] = []
  const folders: string[] = []
  for (const source of sources) {
    const thing = await findThing(source, context)
    if (thing.kind === 'file') items.push(thing.file.messageId)
    else folders.push(thing.path)
  }
  const [folder] = folders
  if (folder !== undefined && sources.length > 1) {
    throw new LocalFailure('share: either files, or one folder')
  }
  const content = folder === undefined ? { items } : { folder }
  const password = await passwordOf(command)
  const wish = { expiresIn: expiresIn ?? undefined, password, maxDownloads, title, signal }
  const made = await client.shares.create(content, wish)
  screen.print(json ? JSON.stringify(made) : made.link)
  if (!json) screen.say(`It works until ${dateOf(made.expiresAt)}`)
  return 0
}

/** Prints all shares, and how often each was used. */
export async function listShares(
  { json }: CommandOf<'shares'>,
  { client, screen, signal }: CommandContext,
): Promise<number> {
  for (const each of await client.shares.list({ signal })) {
    screen.print(json ? JSON.stringify(each) : lineOf(each))
  }
  return 0
}

/** Ends shares for good, by their ids or by their links. */
export async function unshare(
  { shares, json }: CommandOf<'unshare'>,
  { client, screen, signal }: CommandContext,
): Promise<number> {
  for (const each of shares) {
    const id =
      each
        .replace(/[?#].*$/, '')
        .split('/')
        .filter(Boolean)
        .at(-1) ?? each
    await client.shares.end(id, { signal })
    screen.print(json ? JSON.stringify({ id, ok: true }) : `${printable(id)} has ended`)
  }
  return 0
}

async function passwordOf({ password }: CommandOf<'share'>): Promise<string | null> {
  if (password === null || password.kind === 'value') return password?.value ?? null
  const [line = ''] = (await readFile(password.path, 'utf8')).split(/\r?\n/)
  if (line === '') throw new LocalFailure(`${password.path}: its first line is empty`)
  return line
}

/** Columns: state, downloads, end, what is shared, link. */
function lineOf(share: Share): string {
  const { state, downloads, maxDownloads, expiresAt, hasPassword, link } = share
  const used = maxDownloads === null ? `${downloads}` : `${downloads}/${maxDownloads}`
  const what = [nameOf(share), ...(hasPassword ? ['(password)'] : [])].join(' ')
  const columns = [state.padEnd(10), used.padStart(7), dateOf(expiresAt)]
  return `${columns.join('  ')}  ${printable(what)}  ${link}`
}

function nameOf({ title, folder, fileName, items }: Share): string {
  if (title !== null) return title
  if (items === null) return folder ?? 'a folder that is gone'
  const more = items.length > 1 ? ` and ${items.length - 1} more` : ''
  return `${fileName ?? 'a file that is gone'}${more}`
}

/** To the minute, in UTC as `ls` has it. */
function dateOf(date: Date): string {
  return date.toISOString().slice(0, 16).replace('T', ' ')
}
