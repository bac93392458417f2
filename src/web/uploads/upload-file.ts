import type Uppy from '@uppy/core'
import type { UppyFile } from '@uppy/core'
import type { UploadProgress, UploadResult } from 'telestore-client'

/** Why an upload stopped. */
export type Failure = { code: string; message: string }

/** What the page knows of a file beside what Uppy knows. */
export type UploadMeta = {
  /** Epoch ms; with name and size it tells whether a file is the same one. */
  lastModified: number
  /** Its folder and name, for what came in a folder, else empty. */
  relativePath: string
  /** Its name at the worker; null before the worker has heard of it. */
  uploadId: string | null
  /** All bytes are at the worker: the rest needs no file. */
  sealed: boolean
  /** Bytes that the worker has acknowledged. */
  storedBytes: number
  /** It can be opened again after a reload, by a handle. */
  reopens: boolean
  progress: UploadProgress | null
  /** Bytes each second on the way into Telegram. */
  telegramSpeed: number | null
  failure: Failure | null
}

export type UploadBody = { result: UploadResult }
export type UploadFile = UppyFile<UploadMeta, UploadBody>
export type UploadEngine = Uppy<UploadMeta, UploadBody>

export const NEW_META: UploadMeta = {
  lastModified: 0,
  relativePath: '',
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

/** Needs its file, which the page has lost with a reload. */
export function isLeftOver(file: UploadFile): boolean {
  return file.isGhost && !file.meta.sealed
}

/** Its bytes, or some of them, still have to leave this browser. */
export function isLeaving(file: UploadFile): boolean {
  return !file.isGhost && !isFinished(file) && !file.error && !file.meta.sealed
}

/** At the worker, and on its way into Telegram. */
export function isBeyond(file: UploadFile): boolean {
  return file.meta.sealed && !isFinished(file) && !file.error
}

/** Leaves out files that are gone by now. */
export function patchMeta(uppy: UploadEngine, id: string, patch: Partial<UploadMeta>): void {
  const file = uppy.getFile(id)
  if (file) uppy.setFileState(id, { meta: { ...file.meta, ...patch } })
}
