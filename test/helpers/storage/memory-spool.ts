import { createHash } from 'node:crypto'
import { chunkAt } from '../../../src/core/model/chunk-layout.ts'
import type { ChunkName, Spool, UploadFolders } from '../../../src/core/ports/spool.ts'
import { AppError } from '../../../src/errors.ts'
import { abortableSource } from '../../../src/storage/spool/abortable-source.ts'

/** A spool without a disk, for tests of what stands on it. */
export interface MemorySpool extends Spool, UploadFolders {
  /** Chunks that were received and neither claimed nor discarded. */
  readonly unclaimed: number
  /** Bytes that uploads hold. */
  readonly bytes: number
  /** What the next calls to `receive` and `check` reject with, or null. */
  failWith: (error: Error | null) => void
  /** Loses one chunk, as a damaged disk would. */
  lose: (uploadId: string, index: number) => void
}

export function createMemorySpool(): MemorySpool {
  const uploads = new Map<string, Map<number, Buffer>>()
  const partials = new Map<string, Buffer>()
  const unclaimed = new Set<object>()
  let failure: Error | null = null
  const lose = (uploadId: string, index: number): void => void uploads.get(uploadId)?.delete(index)

  function removeFolder(uploadId: string): void {
    uploads.delete(uploadId)
    for (const key of partials.keys()) if (key.startsWith(`${uploadId}/`)) partials.delete(key)
  }

  return {
    receive: async (source, { maxBytes, signal }) => {
      signal.throwIfAborted()
      if (failure) throw failure
      const bytes = await collect(source, maxBytes, signal)
      const ticket = {}
      unclaimed.add(ticket)
      return {
        size: bytes.length,
        digest: createHash('sha256').update(bytes).digest('hex'),
        read: () => once(bytes),
        claim: async ({ id: uploadId }, index) => {
          if (!unclaimed.delete(ticket)) throw new Error('this chunk was claimed or discarded')
          const chunks = uploads.get(uploadId) ?? new Map<number, Buffer>()
          uploads.set(uploadId, chunks.set(index, bytes))
        },
        unclaim: async (upload, index) => void uploads.get(upload.id)?.delete(index),
        discard: async () => void unclaimed.delete(ticket),
      }
    },
    append: async (name, source, { targetBytes, signal }) => {
      signal.throwIfAborted()
      if (failure) throw failure
      const key = keyOf(name)
      for await (const piece of abortableSource(source, signal)) {
        const appended = Buffer.concat([partials.get(key) ?? Buffer.alloc(0), piece])
        if (appended.length > targetBytes) throw new AppError('CHUNK_TOO_LARGE', 'Too much')
        partials.set(key, appended)
      }
      const bytes = partials.get(key) ?? Buffer.alloc(0)
      if (bytes.length < targetBytes) return { size: bytes.length, whole: null }
      const whole = {
        size: bytes.length,
        digest: createHash('sha256').update(bytes).digest('hex'),
        read: () => once(bytes),
        claim: async () => {
          partials.delete(key)
          const chunks = uploads.get(name.upload.id) ?? new Map<number, Buffer>()
          uploads.set(name.upload.id, chunks.set(name.index, bytes))
        },
        unclaim: async () => {
          partials.set(key, bytes)
          uploads.get(name.upload.id)?.delete(name.index)
        },
        discard: async () => void partials.delete(key),
      }
      return { size: bytes.length, whole }
    },
    partialBytes: async (name) => partials.get(keyOf(name))?.length ?? 0,
    share: async (from, to) => {
      const bytes = uploads.get(from.upload.id)?.get(from.index)
      if (!bytes) throw new AppError('SPOOL_DAMAGED', 'Lost')
      const chunks = uploads.get(to.upload.id) ?? new Map<number, Buffer>()
      uploads.set(to.upload.id, chunks.set(to.index, bytes))
    },
    read: async ({ id: uploadId }, layout, offset, target) => {
      for (let filled = 0; filled < target.length; ) {
        const place = chunkAt(layout, offset + filled)
        const start = offset + filled - place.start
        const length = Math.min(target.length - filled, place.size - start)
        const chunk = uploads.get(uploadId)?.get(place.index)
        if (!chunk || chunk.length < start + length) throw new AppError('SPOOL_DAMAGED', 'Lost')
        target.set(chunk.subarray(start, start + length), filled)
        filled += length
      }
    },
    chunkFileSize: async ({ id }, index) => uploads.get(id)?.get(index)?.length ?? null,
    removeChunk: async ({ id }, index) => lose(id, index),
    remove: async ({ id }) => removeFolder(id),
    removeFolder: async (uploadId) => removeFolder(uploadId),
    uploadIds: async () => [...uploads.keys()],
    removeTemporary: async () => {},
    space: async () => ({
      freeBytes: Number.POSITIVE_INFINITY,
      totalBytes: Number.POSITIVE_INFINITY,
    }),
    check: async () => {
      if (failure) throw failure
    },
    close: async () => {},
    failWith: (error) => {
      failure = error
    },
    lose,
    get unclaimed() {
      return unclaimed.size
    },
    get bytes() {
      const sizes = [...uploads.values()].flatMap((chunks) => [...chunks.values()])
      return sizes.reduce((sum, { length }) => sum + length, 0)
    },
  }
}

const keyOf = ({ upload, index }: ChunkName): string => `${upload.id}/${index}`

async function* once(bytes: Buffer) {
  yield bytes
}

async function collect(source: AsyncIterable<Uint8Array>, maxBytes: number, signal: AbortSignal) {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of abortableSource(source, signal)) {
    size += piece.length
    if (size > maxBytes) throw new AppError('CHUNK_TOO_LARGE', `Over ${maxBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}
