import { join } from 'node:path'
import type { Store } from '../../store/store.ts'

/** The file of a document's bytes. */
export const documentPath = (store: Store, documentId: string): string =>
  join(store.documentsFolder, documentId)

/** The file in which full parts are written at their offsets. */
export const dataPath = (folder: string): string => join(folder, 'data')

/** The file of a part that cannot be put into the whole yet. */
export const partPath = (folder: string, part: number): string => join(folder, `part-${part}`)
