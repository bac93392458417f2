/** A file of the channel, as the worker's library lists it. */
export interface LibraryFile {
  messageId: number
  name: string
  /** Path of its folder, with a slash at the beginning; `/` for the root. */
  folder: string
  size: number
  /** Media type; empty when it is not known. */
  type: string
  /** When it was posted, epoch ms. */
  at: number
  /** When it was last changed before it was uploaded, epoch ms; null when that is not known. */
  modifiedAt: number | null
  /** Hex; null when it is not known. */
  sha256: string | null
  hasThumbnail: boolean
  /** Address of the message in Telegram. */
  link: string | null
  isOurs: boolean
}

export interface LibraryFolder {
  path: string
  name: string
  /** Files in it and in all folders below. */
  files: number
  bytes: number
}

/** How well the worker knows the channel. */
export interface LibrarySync {
  state: 'current' | 'scanning' | 'never' | 'unavailable'
  /** Messages that a scan has read so far, of `total` where that is known. */
  seen: number
  total: number | null
}

export interface LibraryPage {
  files: readonly LibraryFile[]
  folders: readonly LibraryFolder[]
  /** Continues the list; null at its end. */
  next: string | null
  sync: LibrarySync
}

/** Parses the answer of `GET /library`. Skips what is no file and no folder. */
export function parsePage(answer: unknown): LibraryPage {
  const { items, folders, next, sync } = fieldsOf(answer)
  return {
    files: listOf(items).flatMap(toFile),
    folders: listOf(folders).flatMap(toFolder),
    next: textOr(next, null),
    sync: toSync(sync),
  }
}

function toFile(item: unknown): LibraryFile[] {
  const { messageId, fileName, folder, size, mimeType, sha256, ...rest } = fieldsOf(item)
  if (typeof messageId !== 'number' || typeof fileName !== 'string') return []
  return [
    {
      messageId,
      name: fileName,
      folder: textOr(folder, '/'),
      size: numberOr(size, 0),
      type: textOr(mimeType, ''),
      at: timeOf(rest.createdAt) ?? 0,
      modifiedAt: timeOf(rest.modifiedAt),
      sha256: textOr(sha256, null),
      hasThumbnail: rest.thumbnail === true,
      link: telegramLink(rest.link),
      isOurs: rest.postedBy === 'telestore',
    },
  ]
}

function toFolder(item: unknown): LibraryFolder[] {
  const { path, name, files, bytes } = fieldsOf(item)
  if (typeof path !== 'string' || typeof name !== 'string') return []
  return [{ path, name, files: numberOr(files, 0), bytes: numberOr(bytes, 0) }]
}

const STATES = ['current', 'scanning', 'never', 'unavailable'] as const

function toSync(value: unknown): LibrarySync {
  const { state, seen, total } = fieldsOf(value)
  return {
    state: STATES.find((each) => each === state) ?? 'current',
    seen: numberOr(seen, 0),
    total: numberOr(total, null),
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return { ...Object(value) }
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

function textOr<Fallback>(value: unknown, fallback: Fallback): string | Fallback {
  return typeof value === 'string' ? value : fallback
}

function numberOr<Fallback>(value: unknown, fallback: Fallback): number | Fallback {
  return typeof value === 'number' ? value : fallback
}

function timeOf(value: unknown): number | null {
  const time = typeof value === 'string' ? Date.parse(value) : Number.NaN
  return Number.isNaN(time) ? null : time
}

/** Returns the address if the browser may be sent there. */
function telegramLink(value: unknown): string | null {
  return typeof value === 'string' && value.startsWith('https://') ? value : null
}
