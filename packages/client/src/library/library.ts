import { type Caller, parseObject, rawAnswer, toError } from '../call.ts'
import type { CallOptions } from '../options.ts'
import { badAnswer, dateOf, numberOf, textOf, toProgress } from '../wire.ts'
import type {
  Library,
  LibraryFolder,
  LibraryItem,
  LibraryLeftover,
  LibraryPage,
  LibraryPageOptions,
  LibraryQuery,
  LibrarySync,
} from './library-api.ts'

type Fields = Readonly<Record<string, unknown>>

const KINDS = ['video', 'audio', 'image', 'document', 'archive', 'other'] as const
const STATES = ['current', 'scanning', 'never', 'unavailable'] as const

export function createLibrary(caller: Caller): Library {
  async function list(
    query: LibraryQuery = {},
    { signal, cursor }: LibraryPageOptions = {},
  ): Promise<LibraryPage> {
    const fields = new URLSearchParams()
    for (const [name, value] of Object.entries({ ...query, cursor })) {
      if (value !== undefined && value !== null) fields.set(name, String(value))
    }
    return toPage(await caller.json(`/library?${fields}`, { signal }))
  }

  async function* pages(query: LibraryQuery = {}, { signal }: CallOptions = {}) {
    for (let cursor: string | null = null; ; ) {
      const page = await list(query, { signal, cursor })
      yield page
      if (page.next === null) return
      cursor = page.next
    }
  }

  return {
    list,
    pages,
    get: async (messageId, { signal } = {}) =>
      toItem(await caller.json(`/library/${messageId}`, { signal })),
    thumbnail: async (messageId, { signal } = {}) => {
      const answer = await caller.open(`/library/${messageId}/thumbnail`, {
        headers: { accept: 'image/jpeg, application/json' },
        signal,
      })
      if (answer.ok) return answer.blob()
      const raw = await rawAnswer(answer)
      const error = toError(raw, parseObject(raw.text))
      if (error.code === 'THUMBNAIL_NOT_FOUND') return null
      throw error
    },
    place: async (messageId, place, { signal } = {}) =>
      toItem(await caller.json(`/library/${messageId}`, { method: 'PATCH', body: place, signal })),
    delete: async (messageId, { signal } = {}) => {
      await caller.json(`/library/${messageId}`, { method: 'DELETE', signal })
    },
    move: changing(caller, 'move'),
    copy: changing(caller, 'copy'),
    deleteItems: async (items, { signal } = {}) =>
      toProgress(await caller.json('/library/delete', { method: 'POST', body: { items }, signal })),
    makeFolder: async (path, { signal } = {}) =>
      toFolder(await caller.json('/library/folders', { method: 'POST', body: { path }, signal })),
    moveFolder: async (path, to, { signal } = {}) =>
      toFolder(await caller.json(folderAt(path), { method: 'PATCH', body: { path: to }, signal })),
    deleteFolder: async (path, { signal, recursive = false } = {}) => {
      const address = recursive ? `${folderAt(path)}&recursive=true` : folderAt(path)
      const answer = await caller.json(address, { method: 'DELETE', signal })
      return 'uploadId' in answer ? toProgress(answer) : null
    },
    leftovers: async ({ signal } = {}) => {
      const { items } = await caller.json('/library/leftovers', { signal })
      if (!Array.isArray(items)) throw badAnswer()
      return items.map(toLeftover)
    },
    rescan: async ({ signal } = {}) => {
      const { sync } = await caller.json('/library/rescan', { method: 'POST', signal })
      return toSync(sync)
    },
  }
}

function changing(caller: Caller, kind: 'move' | 'copy'): Library['move'] {
  return async (items, folder, { signal } = {}) => {
    const body = { items, folder }
    return toProgress(await caller.json(`/library/${kind}`, { method: 'POST', body, signal }))
  }
}

function folderAt(path: string): string {
  return `/library/folders?${new URLSearchParams({ path })}`
}

/** Throws BAD_ANSWER when the fields are no page. */
function toPage({ items, folders, next, sync }: Fields): LibraryPage {
  if (!Array.isArray(items) || !Array.isArray(folders)) throw badAnswer()
  return {
    items: items.map(toItem),
    folders: folders.map(toFolder),
    next: textOf(next),
    sync: toSync(sync),
  }
}

function toItem(value: unknown): LibraryItem {
  const fields = fieldsOf(value)
  const { messageId, fileName, folder, size } = fields
  const createdAt = dateOf(fields.createdAt)
  if (typeof messageId !== 'number' || typeof size !== 'number' || createdAt === null) {
    throw badAnswer()
  }
  return {
    messageId,
    fileName: String(fileName),
    folder: String(folder),
    size,
    mimeType: textOf(fields.mimeType) ?? '',
    kind: KINDS.find((kind) => kind === fields.kind) ?? 'other',
    createdAt,
    modifiedAt: dateOf(fields.modifiedAt),
    sha256: textOf(fields.sha256),
    verified: fields.verified === true,
    volumes: numberOf(fields.volumes) ?? 1,
    thumbnail: fields.thumbnail === true,
    link: textOf(fields.link) ?? '',
    postedBy: fields.postedBy === 'telestore' ? 'telestore' : 'telegram',
  }
}

function toFolder(value: unknown): LibraryFolder {
  const { path, name, files, bytes } = fieldsOf(value)
  if (typeof path !== 'string') throw badAnswer()
  return { path, name: String(name), files: numberOf(files) ?? 0, bytes: numberOf(bytes) ?? 0 }
}

function toLeftover(value: unknown): LibraryLeftover {
  const { fileName, volumes, of, bytes, messageIds, ...fields } = fieldsOf(value)
  const createdAt = dateOf(fields.createdAt)
  if (!Array.isArray(messageIds) || createdAt === null) throw badAnswer()
  return {
    fileName: String(fileName),
    volumes: numberOf(volumes) ?? messageIds.length,
    of: numberOf(of) ?? messageIds.length,
    bytes: numberOf(bytes) ?? 0,
    createdAt,
    messageIds: messageIds.map(Number),
  }
}

function toSync(value: unknown): LibrarySync {
  const { state, seen, total, at } = fieldsOf(value)
  const known = STATES.find((each) => each === state)
  if (!known) throw badAnswer()
  return { state: known, seen: numberOf(seen) ?? 0, total: numberOf(total), at: dateOf(at) }
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw badAnswer()
  return Object.fromEntries(Object.entries(value))
}
