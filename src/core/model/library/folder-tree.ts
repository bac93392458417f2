import type { FolderPost } from '../../ports/catalogue.ts'
import { folderSegment } from './names.ts'

/** How many folders a path has at most. */
export const MAX_DEPTH = 100
/** Bytes of UTF-8 of a whole path, slashes included. */
export const MAX_PATH_BYTES = 4096

/** Where the folders of a library are shown. */
export interface FolderTree {
  /** Each folder that is shown, by its id; those around it come before it. */
  readonly shown: ReadonlyMap<string, ShownNode>
  /** For each folder that has the path of another one: the id of the one that is shown. */
  readonly merged: ReadonlyMap<string, string>
}

export interface ShownNode {
  readonly folderId: string
  readonly messageId: number
  /** A segment of a path; no other folder of the same parent has it. */
  readonly name: string
  /** A folder that is shown; null: the root. */
  readonly parentId: string | null
}

/**
 * Puts folders where people see them, whatever their messages say:
 *
 * 1. Of several messages with one id the lowest counts.
 * 2. A folder whose parent is unknown lies in the root.
 * 3. Of folders that lie in each other, the one that was edited last lies in the root: this edit has
 *    closed the circle.
 * 4. A folder whose path would be too long, by folders or by bytes, lies in the root.
 * 5. Folders with one path are shown as one, the one with the lowest message.
 *
 * The order of the messages makes no difference.
 */
export function arrangeFolders(posts: readonly FolderPost[]): FolderTree {
  const folders = mergeDuplicates(posts)
  const parents = cutCircles(folders)
  cutPaths(folders, parents)
  const children = Map.groupBy(
    [...folders.values()].sort((a, b) => a.messageId - b.messageId),
    ({ folderId }) => parents.get(folderId) ?? null,
  )
  const shown = new Map<string, ShownNode>()
  const merged = new Map<string, string>()
  const open: { parentId: string | null; inside: FolderPost[] }[] = [
    { parentId: null, inside: children.get(null) ?? [] },
  ]
  for (let next = open.pop(); next; next = open.pop()) {
    const { parentId, inside } = next
    for (const [name, same] of Map.groupBy(inside, (folder) => folderSegment(folder.name))) {
      const [first, ...others] = same
      if (!first) continue
      shown.set(first.folderId, {
        folderId: first.folderId,
        messageId: first.messageId,
        name,
        parentId,
      })
      for (const { folderId } of others) merged.set(folderId, first.folderId)
      const below = same
        .flatMap(({ folderId }) => children.get(folderId) ?? [])
        .sort((a, b) => a.messageId - b.messageId)
      if (below.length > 0) open.push({ parentId: first.folderId, inside: below })
    }
  }
  return { shown, merged }
}

function mergeDuplicates(posts: readonly FolderPost[]): Map<string, FolderPost> {
  const folders = new Map<string, FolderPost>()
  for (const post of posts) {
    const known = folders.get(post.folderId)
    if (!known || post.messageId < known.messageId) folders.set(post.folderId, post)
  }
  return folders
}

/** The parent of each folder that has one, without circles. */
function cutCircles(folders: ReadonlyMap<string, FolderPost>): Map<string, string> {
  const parents = new Map<string, string>()
  for (const { folderId, parentId } of folders.values()) {
    if (parentId !== null && folders.has(parentId)) parents.set(folderId, parentId)
  }
  const done = new Set<string>()
  for (const start of folders.keys()) {
    const way = new Set<string>()
    let at: string | undefined = start
    for (; at !== undefined && !done.has(at) && !way.has(at); at = parents.get(at)) way.add(at)
    if (at !== undefined && way.has(at)) {
      const steps = [...way]
      const circle = steps.slice(steps.indexOf(at)).flatMap((id) => folders.get(id) ?? [])
      const newest = circle.reduce((a, b) => (isNewer(b, a) ? b : a))
      parents.delete(newest.folderId)
    }
    for (const id of way) done.add(id)
  }
  return parents
}

/** Takes the parent of each folder whose path would be too long. */
function cutPaths(folders: ReadonlyMap<string, FolderPost>, parents: Map<string, string>): void {
  const known = new Map<string, { depth: number; bytes: number }>()
  for (const start of folders.keys()) {
    const way: string[] = []
    let at: string | undefined = start
    for (; at !== undefined && !known.has(at); at = parents.get(at)) way.push(at)
    let path = (at === undefined ? undefined : known.get(at)) ?? EMPTY_PATH
    for (const id of way.reverse()) {
      const bytes = 1 + Buffer.byteLength(folderSegment(folders.get(id)?.name ?? ''))
      const fits = path.depth < MAX_DEPTH && path.bytes + bytes <= MAX_PATH_BYTES
      if (!fits) parents.delete(id)
      const around = fits ? path : EMPTY_PATH
      path = { depth: around.depth + 1, bytes: around.bytes + bytes }
      known.set(id, path)
    }
  }
}

const EMPTY_PATH = { depth: 0, bytes: 0 }

function isNewer(a: FolderPost, b: FolderPost): boolean {
  return a.editedAt === b.editedAt ? a.messageId > b.messageId : a.editedAt > b.editedAt
}

export interface FolderCount {
  readonly files: number
  readonly bytes: number
}

/**
 * What each shown folder and everything below it holds, and under `null` the root. `own` is what
 * lies in a folder itself, by the id that its files name: of an unknown one it lies in the root.
 */
export function countBelow(
  tree: FolderTree,
  own: ReadonlyMap<string | null, FolderCount>,
): Map<string | null, FolderCount> {
  const counts = new Map<string | null, { files: number; bytes: number }>()
  const add = (id: string | null, { files, bytes }: FolderCount): void => {
    const count = counts.get(id) ?? { files: 0, bytes: 0 }
    counts.set(id, { files: count.files + files, bytes: count.bytes + bytes })
  }
  add(null, { files: 0, bytes: 0 })
  for (const id of tree.shown.keys()) add(id, { files: 0, bytes: 0 })
  for (const [id, count] of own) add(shownAs(tree, id), count)
  // Those below come after their parents, so from the end on each one is whole when it is added.
  for (const { folderId, parentId } of [...tree.shown.values()].reverse()) {
    add(parentId, counts.get(folderId) ?? { files: 0, bytes: 0 })
  }
  return counts
}

/** The id of the folder in which files that name this one are shown; null: the root. */
export function shownAs({ shown, merged }: FolderTree, id: string | null): string | null {
  if (id === null || shown.has(id)) return id
  return merged.get(id) ?? null
}
