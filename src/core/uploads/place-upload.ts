import { AppError } from '../../errors.ts'
import { numbered } from '../../lib/safe-paths.ts'
import { formatFolderPath } from '../model/library/folder-path.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { Catalogue, ShownFile } from '../ports/catalogue.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { Upload } from '../ports/records.ts'

/** What becomes of a file whose folder has one of its name. */
export const ON_CONFLICT = ['keep-both', 'reject', 'replace'] as const
export type OnConflict = (typeof ON_CONFLICT)[number]

/** Where a caller wants a file. */
export interface Placing {
  fileName: string
  /** By names from the root down. */
  folder: readonly string[]
  /** Null: it does not matter what else is there. */
  onConflict: OnConflict | null
}

/** Where an upload puts the file. */
export type Placed = Pick<Upload, 'fileName' | 'givenName' | 'folder' | 'folderId' | 'replaces'>

type Library = Pick<Catalogue, 'libraryFolder' | 'libraryFilesNamed'>

/** Judges by the library as it is known now. Rejects with FILE_EXISTS. */
export async function placeUpload(
  catalogue: Library,
  granted: Credentials,
  wanted: Placing,
): Promise<Placed> {
  const { fileName, folder, onConflict } = wanted
  if (folder.length === 0 && onConflict === null) return asGiven(wanted)
  const key = libraryKeyOf(granted)
  const known = await catalogue.libraryFolder(key, folder)
  const placed: Placed = { ...asGiven(wanted), folderId: known?.folderId ?? null }
  const named = (name: string): Promise<ShownFile[]> =>
    catalogue.libraryFilesNamed(key, folder, name)
  const [newest] = onConflict === null ? [] : await named(fileName)
  if (!newest) return placed
  switch (onConflict) {
    case 'reject':
      throw fileExists(newest)
    case 'replace':
      return { ...placed, replaces: { channelId: key.channelId, messageId: newest.messageId } }
    default: {
      let number = 2
      while ((await named(numbered(fileName, number))).length > 0) number++
      return { ...placed, fileName: numbered(fileName, number), givenName: fileName }
    }
  }
}

/** Where the file goes if nothing is known of the library. */
export function asGiven({ fileName, folder }: Placing): Placed {
  return { fileName, givenName: null, folder, folderId: null, replaces: null }
}

function fileExists({ name, path, messageId }: ShownFile): AppError {
  const sentence = `${formatFolderPath([...path, name])} is in the library already`
  return new AppError('FILE_EXISTS', sentence, { details: { messageId } })
}
