import { createHash } from 'node:crypto'
import { AppError } from '../../errors.ts'
import { type ArchiveLayout, layOutArchive } from '../model/archive/layout.ts'
import type { ArchiveList, ArchiveListEntry } from '../ports/archives.ts'
import type { ShownFile } from '../ports/catalogue.ts'

/** An archive whose bytes are settled. */
export interface OpenedList {
  readonly list: ArchiveList
  readonly layout: ArchiveLayout
  /** Strong, with its quotes: another one for other bytes. */
  readonly etag: string
  /** The CRC-32 of entries that have none in the layout, as far as it is known by now. */
  readonly crcs: Map<number, number>
  /** Entries whose digests are the worker's own, so that nothing is to be learned of their bytes. */
  readonly measured: Set<number>
}

/**
 * Settles the bytes of an archive by what the library knows now. A CRC-32 that the worker has measured
 * takes the place of one that was only claimed: that is another archive then. Throws `lostFile`.
 */
export function openList(
  list: ArchiveList,
  files: ReadonlyMap<number, Pick<ShownFile, 'documentId' | 'size' | 'crc32' | 'isMeasured'>>,
): OpenedList {
  const crcs = new Map<number, number>()
  const measured = new Set<number>()
  const entries = list.entries.map((entry, index) => {
    if (entry.messageId === null) return entry
    const file = files.get(entry.messageId)
    if (!file || !isSameFile(entry, file)) throw lostFile(entry, file ? 'replaced' : 'gone')
    if (entry.size === 0) return entry
    if (!file.isMeasured || file.crc32 === null) return entry
    measured.add(index)
    const crc32 = Number.parseInt(file.crc32, 16)
    if (entry.crc32 !== null) return entry.crc32 === crc32 ? entry : { ...entry, crc32 }
    crcs.set(index, crc32)
    return entry
  })
  return { list, layout: layOutArchive(entries), etag: etagOf(entries), crcs, measured }
}

/** Whether any range of the archive can be sent: every CRC-32 that stands behind its bytes is known. */
export function hasRanges({ layout, crcs }: OpenedList): boolean {
  return layout.entries.every(({ crc32 }, index) => crc32 !== null || crcs.has(index))
}

/** Where the id is not known, the size has to do. */
export function isSameFile(
  entry: ArchiveListEntry,
  file: Pick<ShownFile, 'documentId' | 'size'>,
): boolean {
  if (entry.size !== file.size) return false
  return (
    entry.documentId === null || file.documentId === null || entry.documentId === file.documentId
  )
}

export type Loss = keyof typeof LOSSES

const LOSSES = {
  gone: { code: 'MESSAGE_NOT_FOUND', words: 'is no longer in the channel' },
  moved: { code: 'MESSAGE_NOT_FOUND', words: 'is no longer in this folder' },
  incomplete: { code: 'MESSAGE_NOT_FOUND', words: 'lacks a part in the channel' },
  replaced: { code: 'MESSAGE_NOT_FOUND', words: 'is another file now' },
  'too-large': { code: 'FILE_TOO_LARGE', words: 'is larger than this bot can read' },
} as const

/** The failure of an archive that lacks a file now. */
export function lostFile({ path, messageId }: ArchiveListEntry, how: Loss): AppError {
  const { code, words } = LOSSES[how]
  const sentence = `${path} ${words}, so this archive cannot be sent`
  return new AppError(code, sentence, { details: { messageId } })
}

function etagOf(entries: readonly ArchiveListEntry[]): string {
  const facts = entries.map(({ path, size, modifiedAt, crc32, messageId, documentId }) => {
    return [path, size, modifiedAt, crc32, documentId ?? messageId]
  })
  const hash = createHash('sha256').update(JSON.stringify(facts)).digest('base64url')
  return `"zip-${hash.slice(0, 32)}"`
}
