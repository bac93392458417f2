import { type FileHandle, mkdir, open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createKeyedLock } from '../lib/keyed-lock.ts'
import type { EmulatorSettings } from '../settings.ts'
import type { Document } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import type { Upload } from '../store/uploads.ts'
import { assemble, type FileClaim } from './assemble.ts'
import type { FileMetadata, FileStore } from './file-store.ts'
import { dataPath, partPath } from './part-paths.ts'
import { checkAgainst, checkPart, type PartClaim } from './part-rules.ts'
import { reopen } from './reopen.ts'

/** Uploaded parts that are not a document yet, kept on disk for a while. */
export interface PartStore {
  /** Returns whether the same part was already here. */
  save: (accountId: number, fileId: string, part: IncomingPart) => Promise<boolean>
  /** Makes a document of the parts, which can be used again as long as they are kept. */
  toDocument: (accountId: number, claim: FileClaim, metadata: FileMetadata) => Promise<Document>
  /** The bytes of a small file that is still parts. */
  read: (accountId: number, claim: FileClaim) => Promise<Uint8Array>
  /** Forgets parts (all of them without `parts`) of a file_id, of any account; returns their number. */
  lose: (fileId: string, parts?: readonly number[]) => Promise<number>
  /** Removes parts that have outlived their time. */
  sweep: () => Promise<void>
  close: () => Promise<void>
}

export interface IncomingPart {
  part: number
  total: number | null
  bytes: Uint8Array
  maxParts: number
}

export interface PartStoreOptions {
  store: Store
  files: FileStore
  settings: EmulatorSettings
}

export function createPartStore({ store, files, settings }: PartStoreOptions): PartStore {
  const lock = createKeyedLock()
  const handles = new Map<string, FileHandle>()
  /** Parts that are being written, by the keys of their files. */
  const writing = new Map<string, Set<Promise<void>>>()
  const { uploads } = store

  const keyOf = (accountId: number, fileId: string): string => `${accountId}_${fileId}`
  const folderOf = (accountId: number, fileId: string): string =>
    join(store.partsFolder, keyOf(accountId, fileId))

  async function closeHandle(key: string): Promise<void> {
    const handle = handles.get(key)
    handles.delete(key)
    await handle?.close()
  }

  async function handleOf(key: string, folder: string): Promise<FileHandle> {
    const known = handles.get(key)
    if (known) return known
    const handle = await open(dataPath(folder), 'a+').then(async (made) => {
      await made.close()
      return open(dataPath(folder), 'r+')
    })
    handles.set(key, handle)
    return handle
  }

  /** Where a part goes: into a file of its own, or to its place among the others. */
  async function placeOf(upload: Upload, { part, bytes }: IncomingPart, apart: boolean) {
    const { accountId, fileId } = upload
    const key = keyOf(accountId, fileId)
    const folder = folderOf(accountId, fileId)
    const { partSize } = upload
    if (apart || !handles.has(key)) await mkdir(folder, { recursive: true })
    if (apart) return () => writeFile(partPath(folder, part), bytes)
    const handle = await handleOf(key, folder)
    return () => handle.write(bytes, 0, bytes.length, part * partSize)
  }

  /** Begins to write a part; its file is locked only until then, so that parts are written side by side. */
  async function begin(
    upload: Upload,
    incoming: IncomingPart,
  ): Promise<{ saved: Promise<boolean> }> {
    const { accountId, fileId } = upload
    const { part, total, bytes } = incoming
    const isLast = total !== null && part === total - 1
    if (total !== null && !isLast) upload.partSize = bytes.length
    if (total !== null) upload.total = total
    if (total === -1) upload.streamed = true
    upload.touchedAt = Date.now()
    // The offset of a last part is known only once another part has shown the part size.
    const apart = total === null || isLast
    const write = await placeOf(upload, incoming, apart)
    uploads.save(upload)
    const saved = write().then(() => {
      const known = uploads.part(accountId, fileId, part) !== null
      const savedAt = upload.touchedAt
      uploads.savePart(accountId, fileId, { part, size: bytes.length, apart, savedAt })
      return known
    })
    track(keyOf(accountId, fileId), saved)
    return { saved }
  }

  function track(key: string, saved: Promise<unknown>): void {
    const running = writing.get(key) ?? new Set()
    writing.set(key, running)
    const ended = saved
      .catch(() => {})
      .then(() => {
        running.delete(ended)
        if (running.size === 0 && writing.get(key) === running) writing.delete(key)
      })
    running.add(ended)
  }

  /** Runs `work` while no part of the file is written. */
  function alone<T>(key: string, work: () => Promise<T>): Promise<T> {
    return lock.run(key, async () => {
      await Promise.all(writing.get(key) ?? [])
      return work()
    })
  }

  async function remove({ accountId, fileId }: Upload): Promise<void> {
    await closeHandle(keyOf(accountId, fileId))
    uploads.remove(accountId, fileId)
    await rm(folderOf(accountId, fileId), { recursive: true, force: true })
  }

  async function lose(upload: Upload, parts?: readonly number[]): Promise<number> {
    const { accountId, fileId } = upload
    if (upload.documentId !== null)
      await reopen({ store, upload, folder: folderOf(accountId, fileId) })
    const there = uploads.parts(accountId, fileId)
    if (!parts) {
      await remove(upload)
      return there.length
    }
    const lost = there.filter(({ part }) => parts.includes(part))
    for (const { part } of lost) uploads.removePart(accountId, fileId, part)
    return lost.length
  }

  async function toDocument(
    accountId: number,
    claim: FileClaim,
    metadata: FileMetadata,
  ): Promise<Document> {
    const { fileId } = claim
    const folder = folderOf(accountId, fileId)
    await closeHandle(keyOf(accountId, fileId))
    const ttlMs = settings.partsTtlMs
    const whole = await assemble({ store, accountId, claim, folder, ttlMs })
    const document = await files.adopt(whole.path, { ...metadata, size: whole.size })
    const upload = uploads.find(accountId, fileId)
    store.transaction(() => {
      if (upload) uploads.save({ ...upload, documentId: document.id })
      uploads.joinParts(accountId, fileId)
    })
    await rm(folder, { recursive: true, force: true })
    return document
  }

  return {
    save: async (accountId, fileId, incoming) => {
      const key = keyOf(accountId, fileId)
      const { saved } = await lock.run(key, async () => {
        const claim: PartClaim = { ...incoming, size: incoming.bytes.length }
        checkPart(claim)
        const upload = uploads.find(accountId, fileId) ?? newUpload(accountId, fileId, claim)
        checkAgainst(upload, claim)
        if (upload.documentId !== null)
          await reopen({ store, upload, folder: folderOf(accountId, fileId) })
        return begin(upload, incoming)
      })
      return saved
    },
    toDocument: (accountId, claim, metadata) =>
      alone(keyOf(accountId, claim.fileId), () => toDocument(accountId, claim, metadata)),
    read: (accountId, claim) =>
      alone(keyOf(accountId, claim.fileId), async () => {
        const folder = folderOf(accountId, claim.fileId)
        const ttlMs = settings.partsTtlMs
        const { path } = await assemble({ store, accountId, claim, folder, ttlMs })
        const bytes = await readFile(path)
        await rm(path)
        return bytes
      }),
    lose: async (fileId, parts) => {
      let lost = 0
      for (const upload of uploads.withFileId(fileId))
        lost += await alone(keyOf(upload.accountId, fileId), () => lose(upload, parts))
      return lost
    },
    sweep: async () => {
      for (const upload of uploads.untouchedSince(Date.now() - settings.partsTtlMs))
        await alone(keyOf(upload.accountId, upload.fileId), () => remove(upload))
    },
    close: async () => {
      await Promise.all([...writing.values()].flatMap((running) => [...running]))
      await Promise.all([...handles.keys()].map(closeHandle))
    },
  }
}

function newUpload(accountId: number, fileId: string, { total }: PartClaim): Upload {
  return {
    accountId,
    fileId,
    big: total !== null,
    total: total ?? 0,
    streamed: total === -1,
    partSize: 0,
    documentId: null,
    touchedAt: Date.now(),
  }
}
