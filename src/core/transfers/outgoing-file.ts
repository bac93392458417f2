import { AppError } from '../../errors.ts'
import { type Condition, createCondition } from '../../lib/waiting/condition.ts'
import { chunkAt, layoutOf } from '../model/chunk-layout.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import type { ChunkLayout, Spool } from '../ports/spool.ts'
import type { OutgoingFile } from '../ports/telegram.ts'
import { createDigestedFile, type DigestedFile, type HashingOptions } from './file-digests.ts'

/** The file behind a transfer, which is told of chunks as they are acknowledged. */
export interface ArrivingFile extends OutgoingFile {
  /** Counts up with everything that changes what `has` or `sealed` say. */
  readonly version: number
  /** Says what is here of the upload; chunks that were added before stay. */
  load: (upload: Upload, present: readonly ChunkRecord[]) => void
  add: (index: number, chunkSize: number | null) => void
  seal: () => void
  /** How many chunks are here, or were here. */
  readonly chunkCount: number
  /** How many chunks, from the first on, end at or before this byte, once it is known how they lie. */
  chunksBefore: (offset: number) => number
  /** How many chunks are here that have bytes of this range. */
  chunksIn: (offset: number, length: number) => number
  /** Waits for a change of what this file says of itself. */
  until: Condition['until']
  /** Something else has changed that is waited for by `until`. */
  changed: () => void
}

/** One view over the chunk files of an upload. Holds no bytes. */
export function createArrivingFile(upload: Upload, spool: Pick<Spool, 'read'>): ArrivingFile {
  const chunks = new Set<number>()
  const changes = createCondition()
  let layout: ChunkLayout | null = null
  let sealed = upload.state === 'sealed'
  let version = 0

  function grown(): void {
    version++
    changes.changed()
  }

  function has(offset: number, length: number): boolean {
    if (layout === null) return false
    const last = chunkAt(layout, offset + length - 1).index
    for (let { index } = chunkAt(layout, offset); index <= last; index++) {
      if (!chunks.has(index)) return false
    }
    return true
  }

  async function read(offset: number, target: Uint8Array): Promise<void> {
    if (layout === null) throw new AppError('SPOOL_DAMAGED', 'No chunk is there yet')
    await spool.read(upload, layout, offset, target)
  }

  return {
    uploadId: upload.id,
    name: upload.fileName,
    mimeType: upload.mimeType,
    size: upload.size,
    get sealed() {
      return sealed
    },
    get version() {
      return version
    },
    get chunkCount() {
      return chunks.size
    },
    has,
    read,
    chunksBefore: (offset) => {
      if (offset === upload.size) return upload.totalChunks
      return layout === null ? 0 : chunkAt(layout, offset).index
    },
    chunksIn: (offset, length) => {
      if (layout === null) return 0
      const last = chunkAt(layout, offset + length - 1).index
      let count = 0
      for (let { index } = chunkAt(layout, offset); index <= last; index++) {
        if (chunks.has(index)) count++
      }
      return count
    },
    load: (row, present) => {
      layout = layoutOf(row, present) ?? layout
      for (const { index } of present) chunks.add(index)
      sealed ||= row.state === 'sealed'
      grown()
    },
    add: (index, chunkSize) => {
      if (chunkSize !== null) layout ??= { size: upload.size, chunkSize }
      chunks.add(index)
      grown()
    },
    seal: () => {
      sealed = true
      grown()
    },
    until: changes.until,
    changed: changes.changed,
  }
}

/** The same file, which is hashed while it is sent. */
export type DigestedOutgoingFile = OutgoingFile & DigestedFile

export function digestWhileRead(file: ArrivingFile, how: HashingOptions): DigestedOutgoingFile {
  const { uploadId, name, mimeType, size, has } = file
  return {
    ...{ uploadId, name, mimeType, size, has },
    get sealed() {
      return file.sealed
    },
    ...createDigestedFile(file, how),
  }
}
