import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isSystemFile } from 'telestore-client'
import { LocalFailure } from '../failure.ts'

/** Why something is not sent although nothing is wrong with it. */
export type LeftOut =
  /** A system keeps it for itself. */
  | 'system'
  /** A symbolic link inside of a folder: it may lead anywhere, and back. */
  | 'link'
  /** A socket, a pipe, a device. */
  | 'special'
  /** It is named twice, or is in a folder that is named as well. */
  | 'twice'

/** What is known of one name on the command line, or of one in a folder. */
export type Found =
  | { kind: 'file' | 'folder'; path: string }
  | { kind: 'left-out'; path: string; why: LeftOut }
  | { kind: 'failed'; path: string; error: unknown }

export interface FindOptions {
  /** Also what systems keep for themselves. */
  all: boolean
}

/**
 * Looks at the names of a command line. Links among them are followed, and what systems keep for
 * themselves is taken: somebody has named them.
 */
export async function lookAt(paths: readonly string[], { all }: FindOptions): Promise<Found[]> {
  const places = await Promise.all(paths.map((path) => realpath(path).catch(() => null)))
  const isCovered = findCovered(places, all)
  return Promise.all(
    paths.map(async (path, at): Promise<Found> => {
      if (isCovered(at)) return leftOut(path, 'twice')
      try {
        const found = await stat(path)
        if (found.isDirectory()) return { kind: 'folder', path }
        if (found.isFile()) return { kind: 'file', path }
        return { kind: 'failed', path, error: new LocalFailure('it is not a file on a disk') }
      } catch (error) {
        return { kind: 'failed', path, error }
      }
    }),
  )
}

/**
 * Tells whether a name means the same place as one before it, or a place that is sent with a folder
 * of another.
 */
function findCovered(places: readonly (string | null)[], all: boolean): (at: number) => boolean {
  const first = new Map<string, number>()
  for (const [at, place] of places.entries()) {
    if (place !== null && !first.has(place)) first.set(place, at)
  }
  return (at) => {
    const place = places[at]
    if (!place) return false
    if (first.get(place) !== at) return true
    for (let inner = place, outer = dirname(inner); outer !== inner; ) {
      // The folders around it leave it out.
      if (!all && isSystemFile(basename(inner))) return false
      if (first.has(outer)) return true
      inner = outer
      outer = dirname(inner)
    }
    return false
  }
}

/** In the order in which people count: 2 before 10. */
const { compare } = new Intl.Collator('en', { numeric: true })

/**
 * Everything below a folder, in the order of names, each file by the folder's path and its own.
 * Only the names of the folders on the way are held. What cannot be read is told, and the rest goes
 * on; no symbolic link is followed.
 */
export async function* walk(folder: string, { all }: FindOptions): AsyncGenerator<Found> {
  const waiting: Found[] = [{ kind: 'folder', path: folder }]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind !== 'folder') {
      yield next
      continue
    }
    const { path } = next
    try {
      const entries = await readdir(path, { withFileTypes: true })
      // The last one in is the first one out.
      entries.sort((a, b) => compare(b.name, a.name))
      for (const entry of entries) waiting.push(toFound(entry, join(path, entry.name), all))
    } catch (error) {
      yield { kind: 'failed', path, error }
    }
  }
}

function toFound(entry: Dirent, path: string, all: boolean): Found {
  if (!all && isSystemFile(entry.name)) return leftOut(path, 'system')
  if (entry.isDirectory()) return { kind: 'folder', path }
  if (entry.isFile()) return { kind: 'file', path }
  return leftOut(path, entry.isSymbolicLink() ? 'link' : 'special')
}

function leftOut(path: string, why: LeftOut): Found {
  return { kind: 'left-out', path, why }
}
