import Uppy from '@uppy/core'
import { type Client, isSystemFile } from 'telestore-client'
import { createStore, type Store } from '../state/store.ts'
import type { ConflictAnswer } from './conflicts.ts'
import { forgetHandle, keepHandle, reopenFile } from './file-handles.ts'
import { checkInterruptedUploads } from './interrupted-uploads.ts'
import { isSame, type PickedFile } from './picked-files.ts'
import { restoreFiles } from './restore-files.ts'
import { createThrottle } from './throttle.ts'
import {
  isAtWorker,
  isConflict,
  isFinished,
  isInterrupted,
  isLeaving,
  NEW_META,
  patchMeta,
  type UploadBody,
  type UploadEngine,
  type UploadFile,
  type UploadMeta,
} from './upload-file.ts'
import { createUploadRecords } from './upload-records.ts'
import { installUploader } from './uploader.ts'
import { createLocale } from './wording.ts'

export interface UploadsOptions {
  client: Client
  /** Keeps the uploads of different users apart. */
  userKey: string
  maxFileBytes: number
  /** Called when a file is in Telegram. */
  onUploaded: () => void
  onFailure: (error: unknown) => void
}

/** A file that was refused. `reason` continues a sentence that begins with the name. */
export interface Refusal {
  name: string
  reason: string
}

/** The uploads of the user that is signed in. */
export interface Uploads {
  readonly files: Store<readonly UploadFile[]>
  /** Files that were refused. */
  readonly refusals: Store<readonly Refusal[]>
  /** How many files of operating systems were left out when files were added last. */
  readonly leftOut: Store<number>
  /** They go into this folder, and into those that they bring; `/` by default. */
  add: (picked: readonly PickedFile[], folder?: string) => Promise<void>
  pauseOrResume: (id: string) => void
  pauseAll: (paused: boolean) => void
  retry: (id: string) => void
  /** Settles what becomes of a file whose folder has one of its name: it goes on, or leaves the list. */
  settle: (id: string, answer: ConflictAnswer) => void
  /** Retries the uploads whose token the worker has refused. */
  retryRefused: () => void
  /** Cancels the upload if it runs, and removes it from the list. */
  remove: (id: string) => void
  clearFinished: () => void
  /** Cancels all uploads that are not in Telegram, and removes them from the list. */
  cancelAll: () => void
  dismissRefusals: () => void
  /** Opens the file of an interrupted upload by its handle. Resolves with false when it must be chosen again. */
  reopen: (id: string) => Promise<boolean>
  /** The number of uploads with bytes that still have to leave another open tab. */
  leavingElsewhere: () => Promise<number>
  /** Stops everything in this tab. The worker keeps what it has. */
  close: () => void
}

const MAX_REFUSALS = 20
/** A thousand files change thousands of times per second. */
const PUBLISH_EVERY_MS = 100
const SILENT = { debug: () => {}, warn: () => {}, error: () => {} }

export function createUploads(options: UploadsOptions): Uploads {
  const { client, onFailure, onUploaded, maxFileBytes } = options
  const stop = new AbortController()
  const records = createUploadRecords(options.userKey)
  const files = createStore<readonly UploadFile[]>([])
  const refusals = createStore<readonly Refusal[]>([])
  const leftOut = createStore(0)
  const uppy: UploadEngine = new Uppy<UploadMeta, UploadBody>({
    restrictions: { minFileSize: 1, maxFileSize: maxFileBytes },
    locale: createLocale(maxFileBytes),
    logger: SILENT,
  })
  installUploader(uppy, { client, signal: stop.signal, onFailure })

  let checkInterrupted = (): void => {}

  // Not Uppy's upload(), which first waits until it has retried all failed files.
  const start = (id: string): void => void uppy.retryUpload(id).catch(onFailure)

  const publishing = createThrottle(() => {
    const known = new Set(files.value)
    const now = uppy.getFiles()
    files.set(now)
    for (const file of now) if (!known.has(file) && !isFinished(file)) records.keep(file)
  }, PUBLISH_EVERY_MS)
  uppy.on('state-update', (before, after) => {
    if (before.files !== after.files && !stop.signal.aborted) publishing.request()
  })
  addEventListener('pagehide', publishing.flush, { signal: stop.signal })
  uppy.on('file-added', (file) => start(file.id))
  uppy.on('file-removed', ({ id }) => drop(id))
  uppy.on('upload-success', (file, { body }) => {
    if (!file || !body) return
    drop(file.id)
    onUploaded()
  })
  uppy.on('restriction-failed', (file, { message }) => {
    const refusal = { name: file?.name ?? '', reason: message }
    refusals.set([...refusals.value, refusal].slice(-MAX_REFUSALS))
  })

  function drop(id: string): void {
    records.forget(id)
    void forgetHandle(id)
  }

  function removeAll(unwanted: readonly UploadFile[]): void {
    uppy.removeFiles(unwanted.map(({ id }) => id))
  }

  async function add(picked: readonly PickedFile[], folder = '/'): Promise<void> {
    refusals.set([])
    const accepted = picked.filter((each) => !isSystemFile(each.relativePath || each.file.name))
    leftOut.set(picked.length - accepted.length)
    const known = uppy.getFiles()
    const wanted = accepted.map((each) => describe(each, folder, known))
    removeDuplicates(uppy, wanted)
    uppy.addFiles(wanted.map(({ descriptor }) => descriptor))
    const ids = new Map(uppy.getFiles().map(({ id, data }) => [data, id]))
    for (const { file, handle } of accepted) {
      const id = ids.get(file)
      if (!id || !handle) continue
      const reopens = await keepHandle(id, handle)
      patchMeta(uppy, id, { reopens })
    }
  }

  void records.unfinished().then((unfinished) => {
    if (stop.signal.aborted) return
    for (const file of restoreFiles(uppy, unfinished)) if (file.meta.sealed) start(file.id)
    checkInterrupted = checkInterruptedUploads(uppy, {
      client,
      signal: stop.signal,
      start,
      onFailure,
    })
  })

  return {
    files,
    refusals,
    leftOut,
    add,
    pauseOrResume: (id) => void uppy.pauseResume(id),
    pauseAll: (paused) => {
      for (const file of uppy.getFiles().filter(isLeaving)) {
        if ((file.isPaused === true) !== paused) uppy.pauseResume(file.id)
      }
    },
    retry: start,
    settle: (id, answer) => {
      const file = uppy.getFile(id)
      // What the page shows may be older than an answer for all.
      if (!file || !isConflict(file)) return
      if (answer === 'skip') return uppy.removeFile(id)
      patchMeta(uppy, id, { onConflict: answer })
      start(id)
    },
    retryRefused: () => {
      for (const { id, meta } of uppy.getFiles()) {
        if (meta.failure?.code.startsWith('TOKEN_')) start(id)
      }
      checkInterrupted()
    },
    remove: (id) => uppy.removeFile(id),
    clearFinished: () => removeAll(uppy.getFiles().filter(isFinished)),
    cancelAll: () => removeAll(uppy.getFiles().filter((file) => !isFinished(file))),
    dismissRefusals: () => {
      refusals.set([])
      leftOut.set(0)
    },
    reopen: async (id) => {
      const file = await reopenFile(id)
      const known = uppy.getFile(id)
      if (!file || !known || !isSame(file, recordOf(known))) return false
      await add([{ file, relativePath: known.meta.relativePath, handle: null }])
      return true
    },
    leavingElsewhere: records.leavingElsewhere,
    close: () => {
      publishing.flush()
      stop.abort(new Error('signed out'))
      // Without clear(), destroy() would remove every file, and so cancel it at the worker.
      uppy.clear()
      uppy.destroy()
    },
  }
}

function recordOf({ name, size, meta }: UploadFile) {
  return { name, size: size ?? 0, lastModified: meta.lastModified }
}

/** Describes a file for Uppy. The file of an interrupted upload is found by name, size and time. */
function describe(picked: PickedFile, folder: string, known: readonly UploadFile[]) {
  const { file } = picked
  const interrupted = known.find((each) => each.isGhost && isSame(file, recordOf(each)))
  const meta = {
    ...NEW_META,
    lastModified: file.lastModified,
    relativePath: interrupted ? interrupted.meta.relativePath : pathIn(folder, picked),
  }
  const { name, type } = file
  return { file, descriptor: { data: file, name, type, meta } }
}

function pathIn(folder: string, { file, relativePath }: PickedFile): string {
  return [folder, relativePath || file.name].join('/').split('/').filter(Boolean).join('/')
}

/** Removes finished and failed uploads of the same files, which Uppy would refuse as duplicates. */
function removeDuplicates(uppy: UploadEngine, wanted: readonly { file: File }[]): void {
  const duplicates = uppy
    .getFiles()
    .filter((each) => !isLeaving(each) && !isAtWorker(each) && !isInterrupted(each))
    .filter((each) => wanted.some(({ file }) => isSame(file, recordOf(each))))
  uppy.removeFiles(duplicates.map(({ id }) => id))
}
