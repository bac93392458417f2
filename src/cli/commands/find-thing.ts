import { type LibraryItem, TeleStoreError } from 'telestore-client'
import type { CommandContext } from '../context.ts'
import { LocalFailure } from '../failure.ts'

/** What a word of the command line means in the channel. */
export type Thing = { kind: 'file'; file: LibraryItem } | { kind: 'folder'; path: string }

/** A number is a message; a path is a folder, or the newest file of this name. */
export async function findThing(word: string, context: CommandContext): Promise<Thing> {
  const { client, signal } = context
  if (/^[1-9]\d*$/.test(word)) {
    return { kind: 'file', file: await client.library.get(Number(word), { signal }) }
  }
  const { folder, name } = splitPath(word)
  try {
    const query = { folder, sort: 'date', limit: 500 } as const
    for await (const { items } of client.library.pages(query, { signal })) {
      const file = items.find(({ fileName }) => fileName.normalize() === name.normalize())
      if (file) return { kind: 'file', file }
    }
  } catch (error) {
    if (!isNoFolder(error)) throw error
  }
  if (await isFolder(word, context)) return { kind: 'folder', path: word }
  throw new LocalFailure(`${word}: the channel has no such file or folder`)
}

/** Whether a path is a folder: it is there, or says so by its last character. */
export async function isFolder(path: string, { client, signal }: CommandContext): Promise<boolean> {
  if (path.endsWith('/')) return true
  try {
    await client.library.list({ folder: path, limit: 1 }, { signal })
    return true
  } catch (error) {
    if (isNoFolder(error)) return false
    throw error
  }
}

function isNoFolder(error: unknown): boolean {
  return error instanceof TeleStoreError && error.code === 'FOLDER_NOT_FOUND'
}

export function splitPath(path: string): { folder: string; name: string } {
  const clean = path.replace(/\/$/, '')
  const at = clean.lastIndexOf('/')
  return { folder: at <= 0 ? '/' : clean.slice(0, at), name: clean.slice(at + 1) }
}
