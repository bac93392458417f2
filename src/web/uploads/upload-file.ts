import type Uppy from '@uppy/core'
import type { UppyFile } from '@uppy/core'
import type { UploadProgress, UploadResult } from 'telestore-client'

/** Why an upload stopped. */
export type Failure = { code: string; message: string }

export type OnConflict = 'reject' | 'keep-both' | 'replace'

/** What the page knows of a file in addition to Uppy. */
export type UploadMeta = {
  /** Epoch ms; with name and size it tells whether a file is the same one. */
  lastModified: number
  /** Folders and name that it gets in the library, without a slash at the beginning. */
  relativePath: string
  /** What becomes of it if the folder has a file of its name; the user is asked before. */
  onConflict: OnConflict
  /** The id of the upload; null before it has begun. */
  uploadId: string | null
  /** All bytes are at the worker: the rest needs no file. */
  sealed: boolean
  /** Bytes that the worker has acknowledged. */
  storedBytes: number
  /** It can be opened again after a reload, with a kept handle. */
  reopens: boolean
  progress: UploadProgress | null
  /** Bytes per second into Telegram. */
  telegramSpeed: number | null
  failure: Failure | null
}

export type UploadBody = { result: UploadResult }
export type UploadFile = UppyFile<UploadMeta, UploadBody>
export type UploadEngine = Uppy<UploadMeta, UploadBody>

export const NEW_META: UploadMeta = {
  lastModified: 0,
  relativePath: '',
  onConflict: 'reject',
  uploadId: null,
  sealed: false,
  storedBytes: 0,
  reopens: false,
  progress: null,
  telegramSpeed: null,
  failure: null,
}

export function isFinished(file: UploadFile): boolean {
  return file.progress.uploadComplete === true
}

/** The upload needs its file, which the page has lost by a reload. */
export function isInterrupted(file: UploadFile): boolean {
  return file.isGhost && !file.meta.sealed
}

/** Some of its bytes still have to leave this browser. */
export function isLeaving(file: UploadFile): boolean {
  return !file.isGhost && !isFinished(file) && !file.error && !file.meta.sealed
}

/** It waits until other files have left this browser. */
export function isWaiting(file: UploadFile): boolean {
  return isLeaving(file) && !file.isPaused && file.meta.progress === null
}

/** Returns the path of the folder into which it goes. */
export function folderOf({ meta }: UploadFile): string {
  return `/${meta.relativePath.split('/').slice(0, -1).filter(Boolean).join('/')}`
}

/** The folder has a file of its name, and the user has to say what becomes of this one. */
export function isConflict({ error, meta }: UploadFile): boolean {
  return Boolean(error) && meta.failure?.code === 'FILE_EXISTS'
}

/** It goes on only when the user does something. */
export function needsUser(file: UploadFile): boolean {
  return Boolean(file.error) || isInterrupted(file)
}

/** All bytes are at the worker, and on their way into Telegram. */
export function isAtWorker(file: UploadFile): boolean {
  return file.meta.sealed && !isFinished(file) && !file.error
}

/** Does nothing when the file is no longer in the list. */
export function patchMeta(uppy: UploadEngine, id: string, patch: Partial<UploadMeta>): void {
  const file = uppy.getFile(id)
  if (file) uppy.setFileState(id, { meta: { ...file.meta, ...patch } })
}
