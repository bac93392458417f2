import { createKeyedLock } from '../lib/keyed-lock.ts'
import type { EmulatorSettings } from '../settings.ts'
import type { Document } from '../store/documents.ts'
import type { Store } from '../store/store.ts'
import type { Upload } from '../store/uploads.ts'
import type { FileClaim, IncomingPart, JoinedParts, PartBytes } from './bytes.ts'
import type { FileMetadata, FileStore } from './file-store.ts'
import { checkAgainst, checkPart, checkParts, type PartClaim } from './part-rules.ts'

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

export interface PartStoreOptions {
  store: Store
  bytes: PartBytes
  files: FileStore
  settings: EmulatorSettings
}

export function createPartStore({ store, bytes, files, settings }: PartStoreOptions): PartStore {
  const lock = createKeyedLock()
  /** Parts that are being written, by the keys of their files. */
  const writing = new Map<string, Set<Promise<void>>>()
  const { uploads } = store

  const keyOf = (accountId: number, fileId: string): string => `${accountId}_${fileId}`

  /** Begins to write a part; its file is locked only until then, so that parts are written side by side. */
  async function begin(
    upload: Upload,
    incoming: IncomingPart,
  ): Promise<{ saved: Promise<boolean> }> {
    const { accountId, fileId } = upload
    const { part, total } = incoming
    const size = incoming.bytes.length
    if (total !== null && part !== total - 1) upload.partSize = size
    if (total !== null) upload.total = total
    if (total === -1) upload.streamed = true
    upload.touchedAt = Date.now()
    const { apart, write } = await bytes.place(upload, incoming)
    uploads.save(upload)
    let known = false
    const saved = write(() => {
      known = uploads.part(accountId, fileId, part) !== null
      uploads.savePart(accountId, fileId, { part, size, apart, savedAt: upload.touchedAt })
    }).then(() => known)
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

  async function remove(upload: Upload): Promise<void> {
    uploads.remove(upload.accountId, upload.fileId)
    await bytes.remove(upload)
  }

  async function lose(upload: Upload, parts?: readonly number[]): Promise<number> {
    await bytes.reopen(upload)
    const there = uploads.parts(upload.accountId, upload.fileId).map(({ part }) => part)
    const lost = there.filter((part) => !parts || parts.includes(part))
    if (!parts) await remove(upload)
    else {
      for (const part of lost) uploads.removePart(upload.accountId, upload.fileId, part)
      await bytes.remove(upload, lost)
    }
    return lost.length
  }

  async function join(
    accountId: number,
    claim: FileClaim,
  ): Promise<{ joined: JoinedParts; size: number }> {
    const parts = uploads
      .parts(accountId, claim.fileId)
      .filter(({ savedAt }) => Date.now() < savedAt + settings.partsTtlMs)
    const given = { upload: uploads.find(accountId, claim.fileId), parts, claim }
    const { upload, size } = checkParts(given)
    return { joined: await bytes.join({ upload, claim, parts, size }), size }
  }

  return {
    save: async (accountId, fileId, incoming) => {
      const { saved } = await lock.run(keyOf(accountId, fileId), async () => {
        const claim: PartClaim = { ...incoming, size: incoming.bytes.length }
        checkPart(claim)
        const upload = uploads.find(accountId, fileId) ?? newUpload(accountId, fileId, claim)
        checkAgainst(upload, claim)
        await bytes.reopen(upload)
        return begin(upload, incoming)
      })
      return saved
    },
    toDocument: (accountId, claim, metadata) =>
      alone(keyOf(accountId, claim.fileId), async () => {
        const { joined, size } = await join(accountId, claim)
        return files.add({ ...metadata, size }, joined.toDocument)
      }),
    read: (accountId, claim) =>
      alone(keyOf(accountId, claim.fileId), async () => {
        const { joined } = await join(accountId, claim)
        return joined.read()
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
      await bytes.close()
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
