import { namesBelow, readJson, readText, removeText, writeText } from '../state/storage.ts'
import { isLeaving, type UploadFile } from './upload-file.ts'

/** What is stored of an upload, so that a reload does not lose it. */
export interface UploadRecord {
  id: string
  name: string
  size: number
  type: string
  lastModified: number
  relativePath: string
  uploadId: string | null
  sealed: boolean
  /** Missing in records of an older page. */
  storedBytes?: number
  reopens: boolean
  /** The tab that works on it, and whether bytes still have to leave it. */
  tab: string
  leaving?: boolean
}

/** One entry for each unfinished upload, so that two tabs never overwrite each other's. */
export interface UploadRecords {
  keep: (file: UploadFile) => void
  forget: (id: string) => void
  /** The uploads that no other open tab works on. */
  unfinished: () => Promise<UploadRecord[]>
  /** The number of uploads with bytes that still have to leave another open tab. */
  leavingElsewhere: () => Promise<number>
}

const MAX_RECORDS = 1000
const LOCK = 'telestore-page-tab:'

export function createUploadRecords(userKey: string): UploadRecords {
  const beginning = `${userKey}:upload:`
  ownTab ??= nameTab()
  const tab = ownTab
  const written = new Map<string, string>()
  const known = namesBelow(localStorage, beginning).length
  const all = (): UploadRecord[] =>
    namesBelow(localStorage, beginning)
      .map((name) => readJson(localStorage, name))
      .filter(isRecord)

  return {
    keep: (file) => {
      const { id, name, type, meta } = file
      const { lastModified, relativePath, uploadId, sealed, storedBytes, reopens } = meta
      const base = { id, name, type, size: file.size ?? 0, tab: tab.name }
      const record: UploadRecord = {
        ...base,
        lastModified,
        relativePath,
        uploadId,
        sealed,
        storedBytes,
        reopens,
        leaving: isLeaving(file),
      }
      const text = JSON.stringify(record)
      if (written.get(id) === text) return
      if (!written.has(id) && known + written.size >= MAX_RECORDS) return
      if (writeText(localStorage, beginning + id, text)) written.set(id, text)
    },
    forget: (id) => {
      written.delete(id)
      removeText(localStorage, beginning + id)
    },
    unfinished: async () => {
      await tab.claimed
      const open = await openTabs()
      return all().filter((record) => record.tab === tab.name || !open.has(record.tab))
    },
    leavingElsewhere: async () => {
      const open = await openTabs()
      const others = all().filter((record) => record.tab !== tab.name && open.has(record.tab))
      return others.filter(({ leaving }) => leaving === true).length
    },
  }
}

interface Tab {
  /** The same after a reload. */
  readonly name: string
  /** Resolves once it is clear that no other open tab has this name. */
  claimed: Promise<void>
}

/** The tab keeps its name when another user signs in. */
let ownTab: Tab | null = null

/** A tab that reloads releases its lock in much less time. */
const CLAIM_MS = 2000

/**
 * Names this tab. A lock with the name shows other tabs that this one is open. A tab that was
 * duplicated, or opened by another one, begins with a copy of that tab's name, and takes a new one.
 */
function nameTab(): Tab {
  let name = readText(sessionStorage, 'tab') ?? newTabName()
  writeText(sessionStorage, 'tab', name)

  /** Resolves with false when another tab has the name. */
  const hold = (): Promise<boolean> =>
    new Promise((resolve) => {
      const keep = (): Promise<never> => {
        resolve(true)
        return new Promise(() => {})
      }
      const { locks } = navigator
      // Without locks (no HTTPS) every tab treats the others as closed.
      if (!locks) return resolve(true)
      const signal = AbortSignal.timeout(CLAIM_MS)
      locks.request(LOCK + name, { signal }, keep).catch(() => resolve(false))
    })

  async function claim(): Promise<void> {
    if (await hold()) return
    name = newTabName()
    writeText(sessionStorage, 'tab', name)
    await hold()
  }

  return {
    get name() {
      return name
    },
    claimed: claim(),
  }
}

function newTabName(): string {
  return Math.random().toString(36).slice(2)
}

async function openTabs(): Promise<Set<string>> {
  const { held = [] } = (await navigator.locks?.query()) ?? {}
  return new Set(held.map(({ name }) => name?.slice(LOCK.length) ?? ''))
}

function isRecord(value: unknown): value is UploadRecord {
  if (typeof value !== 'object' || value === null) return false
  return (
    typeof Reflect.get(value, 'id') === 'string' &&
    typeof Reflect.get(value, 'name') === 'string' &&
    typeof Reflect.get(value, 'size') === 'number'
  )
}
