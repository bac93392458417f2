import { NEW_META, type UploadEngine, type UploadFile } from './upload-file.ts'
import type { UploadRecord } from './upload-records.ts'

/**
 * Adds the uploads of an earlier visit to Uppy's list, as files without their bytes ("ghosts"). When
 * the user adds the same file again, Uppy replaces the ghost and keeps its meta.
 */
export function restoreFiles(
  uppy: UploadEngine,
  records: readonly UploadRecord[],
): readonly UploadFile[] {
  const { files } = uppy.getState()
  const restored = records.filter(({ id }) => !files[id]).map(toGhost)
  const ghosts = Object.fromEntries(restored.map((file) => [file.id, file]))
  // Older ones first, in the order of the earlier visit.
  uppy.setState({ files: { ...ghosts, ...files } })
  return restored
}

function toGhost(record: UploadRecord): UploadFile {
  const { id, name, size, type, uploadId, sealed, storedBytes = 0 } = record
  const { lastModified, relativePath, reopens } = record
  const kept = { lastModified, relativePath, reopens, uploadId, storedBytes }
  return {
    id,
    name,
    size,
    type,
    extension: /\.([^.]+)$/.exec(name)?.[1] ?? '',
    meta: { ...NEW_META, ...kept, sealed: sealed && uploadId !== null, name, type },
    progress: { bytesTotal: size, bytesUploaded: false, uploadStarted: null },
    isGhost: true,
    isRestored: true,
    isRemote: false,
    data: undefined,
  }
}
