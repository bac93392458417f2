import { fileOfPost, folderOfPost, volumeOfPost } from '../../model/library/posts.ts'
import type {
  FileRow,
  FolderPost,
  LibraryChanges,
  LibrarySync,
  VolumePost,
} from '../../ports/catalogue.ts'
import type { ChannelDifference, ChannelMessage, ChannelPage } from '../../ports/channel.ts'

/*
 * How the rows of a library come to agree with its channel, as pure functions: what to ask Telegram
 * next, and what its answer changes. A rescan notes the channel's `pts`, reads all messages from the
 * newest down, and then takes what has changed since that `pts`; later looks take only such changes.
 * All that it has to remember stands in the library's row, in one transaction with what it has read,
 * so that it goes on after the death of the process.
 */

/** What is to be asked of Telegram next. */
export type Step =
  | { readonly kind: 'position' }
  | { readonly kind: 'page'; readonly before: number }
  | { readonly kind: 'difference'; readonly pts: number }

const UNKNOWN: LibrarySync = { pts: null, scan: null, lookedAt: null }
/** The type of a document of which Telegram does not tell one. */
const ANY_TYPE = 'application/octet-stream'

export function nextStep(sync: LibrarySync | null): Step {
  const { pts, scan } = sync ?? UNKNOWN
  if (scan !== null) return { kind: 'page', before: scan.below }
  return pts === null ? { kind: 'position' } : { kind: 'difference', pts }
}

/** Whether the second step is nearer to the end than the first: an answer that gets nowhere is none. */
export function isProgress(from: Step, to: Step): boolean {
  if (from.kind === 'page' && to.kind === 'page') return to.before < from.before
  if (from.kind === 'difference' && to.kind === 'difference') return to.pts > from.pts
  return from.kind !== to.kind
}

/** What a library has to forget, so that the next step begins a rescan. Its rows stay meanwhile. */
export function forgetPosition(sync: LibrarySync | null): LibrarySync {
  return { ...(sync ?? UNKNOWN), pts: null, scan: null }
}

/** A rescan begins. */
export function afterPosition(
  sync: LibrarySync | null,
  { pts, before }: { pts: number; before: number },
): LibraryChanges {
  const scan = { pts, below: before, seen: 0, total: null }
  return { sync: { ...(sync ?? UNKNOWN), scan } }
}

/**
 * A page of the rescan has been read. Rows that it lacks go, but none that may have been written
 * after it was asked for: `newestRow` is the newest message that had a row before.
 */
export function afterPage(
  sync: LibrarySync,
  { page, newestRow }: { page: ChannelPage; newestRow: number },
): LibraryChanges {
  const { scan } = sync
  if (scan === null) throw new Error('no rescan is on its way')
  const newest = Math.max(newestRow, ...page.messages.map(({ messageId }) => messageId))
  const to = Math.min(scan.below - 1, newest)
  const next = {
    ...scan,
    below: page.lowestId,
    seen: scan.seen + page.messages.length,
    total: page.total ?? scan.total,
  }
  const { others: _, ...rows } = rowsOf(page.messages)
  return {
    ...rows,
    ...(page.lowestId <= to && { complete: { from: page.lowestId, to } }),
    // At the end the rows are as the channel was at the noted `pts`, or newer.
    sync: page.lowestId > 1 ? { ...sync, scan: next } : { ...sync, pts: scan.pts, scan: null },
  }
}

/** Changes were asked for. `now`: epoch milliseconds. */
export function afterDifference(
  sync: LibrarySync,
  difference: ChannelDifference,
  now: number,
): LibraryChanges {
  if (difference.kind === 'too-long') return { sync: forgetPosition(sync) }
  const { pts, final, messages, deletedIds } = difference
  const { others, ...rows } = rowsOf(messages)
  const lookedAt = final ? now : sync.lookedAt
  return {
    ...rows,
    gone: [...others, ...deletedIds],
    sync: { ...sync, pts, lookedAt },
  }
}

/** The same changes in several calls, each of which is short. Only the last one moves the position. */
export function inSlices(changes: LibraryChanges, size: number): LibraryChanges[] {
  const { files = [], folders = [], volumes = [], gone = [], complete, sync } = changes
  const slices: LibraryChanges[] = []
  // A range is complete only with all that lies in it.
  if (complete === undefined) {
    for (const [name, list] of Object.entries({ files, folders, volumes, gone })) {
      for (let at = 0; at < list.length; at += size) {
        slices.push({ [name]: list.slice(at, at + size) })
      }
    }
    return [...slices, ...(sync ? [{ sync }] : [])]
  }
  return [changes]
}

export interface Rows {
  files: FileRow[]
  folders: FolderPost[]
  volumes: VolumePost[]
  /** Messages that hold none of these. */
  others: number[]
}

/** What messages are to a library. */
export function rowsOf(messages: readonly ChannelMessage[]): Rows {
  const rows: Rows = { files: [], folders: [], volumes: [], others: [] }
  for (const { messageId, postedAt, editedAt, text, forwarded, document } of messages) {
    const post = { messageId, postedAt, editedAt }
    if (document === null) {
      const folder = folderOfPost({ ...post, text })
      if (folder) rows.folders.push(folder)
      else rows.others.push(messageId)
      continue
    }
    const { id: documentId, size, fileName, mimeType, thumbnail } = document
    const told = {
      ...post,
      ...{ caption: text, forwarded, documentId, documentName: fileName, size },
      ...{ hasThumbnail: thumbnail, mimeType: mimeType ?? ANY_TYPE },
    }
    const volume = volumeOfPost(told)
    if (volume) rows.volumes.push(volume)
    else rows.files.push(fileOfPost(told))
  }
  return rows
}
