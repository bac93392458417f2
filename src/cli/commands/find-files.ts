import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { isSystemFile } from 'telestore-client'
import { LocalFailure } from '../failure.ts'

/** Why a file is not sent although nothing is wrong with it. */
export type LeftOut =
  /** It is a file of an operating system, such as .DS_Store. */
  | 'system'
  /** It is a symbolic link in a folder, which may lead anywhere, also in a circle. */
  | 'link'
  /** It is a socket, a pipe or a device. */
  | 'special'
  /** It is named twice, or is in a folder that is named as well. */
  | 'twice'

/** One name of the command line, or one entry of a folder. */
export type Found =
  | { kind: 'file' | 'folder'; path: string }
  | { kind: 'left-out'; path: string; why: LeftOut }
  | { kind: 'failed'; path: string; error: unknown }

export interface FindOptions {
  /** Also the files of operating systems. */
  all: boolean
}

/**
 * Looks up the names of a command line. Links and files of operating systems are taken, because the
 * user has named them.
 */
export async function lookAt(paths: readonly string[], { all }: FindOptions): Promise<Found[]> {
  const realPaths = await Promise.all(paths.map((path) => realpath(path).catch(() => null)))
  const isCovered = findCovered(realPaths, all)
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
 * Returns a function that tells whether a name has the same path as an earlier one, or lies in a folder
 * that is sent as a whole.
 */
function findCovered(realPaths: readonly (string | null)[], all: boolean): (at: number) => boolean {
  const first = new Map<string, number>()
  for (const [at, path] of realPaths.entries()) {
    if (path !== null && !first.has(path)) first.set(path, at)
  }
  return (at) => {
    const path = realPaths[at]
    if (!path) return false
    if (first.get(path) !== at) return true
    for (let inner = path, outer = dirname(inner); outer !== inner; ) {
      // The walk through the outer folder skips it.
      if (!all && isSystemFile(basename(inner))) return false
      if (first.has(outer)) return true
      inner = outer
      outer = dirname(inner)
    }
    return false
  }
}

/** Numeric order: 2 before 10. */
const { compare } = new Intl.Collator('en', { numeric: true })

/**
 * Yields everything below a folder, in the order of names. Holds only the names in the folders on the
 * way. A folder that cannot be read is yielded as failed. No symbolic link is followed.
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
