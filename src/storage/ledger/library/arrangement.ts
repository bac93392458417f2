import {
  countBelow,
  type FolderCount,
  type FolderTree,
  shownAs,
} from '../../../core/model/library/folder-tree.ts'
import { foldName, sortName } from '../../../core/model/library/names.ts'
import { type Fields, integer, integerOrNull, text } from '../tables/rows.ts'

/** The rows of a library's folders, by the ids that they stand for; null: the root's. */
export type FolderRowsById = ReadonlyMap<string | null, Fields>

/** What a folder's row is to say. */
export interface FolderPlace {
  readonly id: number
  /** The row as which it is shown. */
  readonly shown: number
  readonly parent: number | null
  readonly name: string
  readonly folded: string
  readonly sortName: string
  readonly files: number
  readonly bytes: number
}

export interface Arrangement {
  /** Rows that say something else now. */
  readonly placed: readonly FolderPlace[]
  /** Rows that nothing names any more. */
  readonly unused: readonly number[]
}

/** The folders that must have rows before the tree can be written into them. */
export function foldersOf(tree: FolderTree): (string | null)[] {
  return [null, ...tree.shown.keys(), ...tree.merged.keys()]
}

/** What changes in the rows of a library's folders, so that they are where the tree has them. */
export function planArrangement(tree: FolderTree, rows: FolderRowsById): Arrangement {
  const idOf = (folderId: string | null): number => rowId(rows.get(folderId))
  const counts = countBelow(tree, ownCounts(rows))
  const placed: FolderPlace[] = []
  const unused: number[] = []
  for (const [folderId, row] of rows) {
    const node = folderId === null ? null : (tree.shown.get(folderId) ?? null)
    const isShown = folderId === null || node !== null
    if (!isShown && integer(row, 'own_files') === 0 && !tree.merged.has(folderId)) {
      unused.push(rowId(row))
      continue
    }
    const name = node?.name ?? ''
    const { files, bytes } = (isShown && counts.get(folderId)) || { files: 0, bytes: 0 }
    const shown = idOf(shownAs(tree, folderId))
    const parent = node === null ? null : idOf(node.parentId)
    const isSame =
      integer(row, 'shown') === shown &&
      integerOrNull(row, 'parent') === parent &&
      text(row, 'name') === name &&
      integer(row, 'files') === files &&
      integer(row, 'bytes') === bytes
    if (isSame) continue
    const folded = foldName(name)
    const place = { id: rowId(row), shown, parent, name, folded, files, bytes }
    placed.push({ ...place, sortName: sortName(folded) })
  }
  return { placed, unused }
}

function ownCounts(rows: FolderRowsById): Map<string | null, FolderCount> {
  return new Map(
    [...rows].map(([folderId, row]) => [
      folderId,
      { files: integer(row, 'own_files'), bytes: integer(row, 'own_bytes') },
    ]),
  )
}

function rowId(row: Fields | undefined): number {
  if (!row) throw new Error('a folder of the tree has no row')
  return integer(row, 'id')
}
