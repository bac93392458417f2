import { AppError } from '../../errors.ts'
import { type Condition, createCondition } from '../../lib/waiting/condition.ts'
import { chunkAt, layoutOf } from '../model/chunk-layout.ts'
import type { ChunkRecord, Upload } from '../ports/records.ts'
import type { ChunkLayout, Spool } from '../ports/spool.ts'
import type { OutgoingFile } from '../ports/telegram.ts'
import { createDigestedFile, type DigestedFile } from './file-digests.ts'

/** The file behind a transfer, which is told of chunks as they are acknowledged. */
export interface ArrivingFile extends OutgoingFile, DigestedFile {
  /** Counts up with everything that changes what `has` or `sealed` say. */
  readonly version: number
  /** Says what is here of the upload; chunks that were added before stay. */
  load: (upload: Upload, present: readonly ChunkRecord[]) => void
  add: (index: number, chunkSize: number | null) => void
  seal: () => void
  /** Waits for a change of what this file says of itself. */
  until: Condition['until']
}

export interface HashingOptions {
  /** Whether the processor's own instructions hash, where the native module is compiled. */
  native: boolean
}

/** One view over the chunk files of an upload. Holds no bytes. */
export function createArrivingFile(
  upload: Upload,
  spool: Pick<Spool, 'read'>,
  how: HashingOptions,
): ArrivingFile {
  const chunks = new Set<number>()
  const changes = createCondition()
  let layout: ChunkLayout | null = null
  let sealed = upload.state === 'sealed'
  let version = 0

  function changed(): void {
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
    await spool.read(upload.id, layout, offset, target)
  }

  return {
    ...createDigestedFile({ size: upload.size, has, read }, how),
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
    has,
    load: (row, present) => {
      layout = layoutOf(row, present) ?? layout
      for (const { index } of present) chunks.add(index)
      sealed ||= row.state === 'sealed'
      changed()
    },
    add: (index, chunkSize) => {
      if (chunkSize !== null) layout ??= { size: upload.size, chunkSize }
      chunks.add(index)
      changed()
    },
    seal: () => {
      sealed = true
      changed()
    },
    until: changes.until,
  }
}
