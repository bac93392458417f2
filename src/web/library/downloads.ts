import type { ArchiveContent, LibraryItem } from 'telestore-client'
import type { Entry } from './listing.ts'

/** One thing that the browser saves. */
export type Saved =
  | { kind: 'file'; file: LibraryItem }
  | { kind: 'archive'; content: ArchiveContent }

/** Files that an archive can name one by one. */
const MOST_ITEMS = 500

export interface ChosenEntries {
  chosen: readonly Entry[]
  /** The folder that has nothing else than the chosen entries; null where it has more. */
  whole: string | null
  /** The files of a folder and of those below. */
  filesBelow: (folder: string) => Promise<readonly LibraryItem[]>
}

/**
 * What is saved of a selection: one file as it is, and anything else as one archive. Only of folders with
 * very many files beside other things each becomes an archive of its own.
 */
export async function planDownload({ chosen, whole, filesBelow }: ChosenEntries): Promise<Saved[]> {
  const files = chosen.flatMap((entry) => (entry.kind === 'file' ? [entry.file] : []))
  const folders = chosen.flatMap((entry) => (entry.kind === 'folder' ? [entry.folder] : []))
  const [file] = files
  if (file && chosen.length === 1) return [{ kind: 'file', file }]
  if (whole !== null) return [{ kind: 'archive', content: { folder: whole } }]
  const [folder] = folders
  if (folder && chosen.length === 1) return [{ kind: 'archive', content: { folder: folder.path } }]
  const total = folders.reduce((sum, each) => sum + each.files, files.length)
  if (total <= MOST_ITEMS) {
    const inside = await Promise.all(folders.map(({ path }) => filesBelow(path)))
    const ids = [...files, ...inside.flat()].map(({ messageId }) => messageId)
    // More may have come meanwhile.
    if (ids.length <= MOST_ITEMS) return archivesOf(ids)
  }
  return [
    ...archivesOf(files.map(({ messageId }) => messageId)),
    ...folders
      .filter((each) => each.files > 0)
      .map(({ path }): Saved => ({ kind: 'archive', content: { folder: path } })),
  ]
}

function archivesOf(ids: readonly number[]): Saved[] {
  const archives: Saved[] = []
  for (let at = 0; at < ids.length; at += MOST_ITEMS) {
    archives.push({ kind: 'archive', content: { items: ids.slice(at, at + MOST_ITEMS) } })
  }
  return archives
}
