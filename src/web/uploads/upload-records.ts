import { namesBelow, readJson, readText, removeText, writeText } from '../storage.ts'
import type { UploadFile } from './upload-file.ts'

/** What a reload must not lose of an upload. */
export interface UploadRecord {
  id: string
  name: string
  size: number
  type: string
  lastModified: number
  relativePath: string
  uploadId: string | null
  sealed: boolean
  /** Missing in the records of an older page. */
  storedBytes?: number
  reopens: boolean
  /** The tab that works on it. */
  tab: string
}

/** One entry for each unfinished upload, so that two tabs never overwrite each other's. */
export interface UploadRecords {
  keep: (file: UploadFile) => void
  forget: (id: string) => void
  /** Those no other open tab works on. */
  unfinished: () => Promise<UploadRecord[]>
}

const MAX_RECORDS = 1000
const LOCK = 'telestore-page-tab:'

export function createUploadRecords(userKey: string): UploadRecords {
  const beginning = `${userKey}:upload:`
  const tab = takeTabName()
  const written = new Map<string, string>()
  const known = namesBelow(localStorage, beginning).length

  return {
    keep: (file) => {
      const { id, name, type, meta } = file
      const { lastModified, relativePath, uploadId, sealed, storedBytes, reopens } = meta
      const base = { id, name, type, size: file.size ?? 0, tab }
      const record: UploadRecord = {
        ...base,
        lastModified,
        relativePath,
        uploadId,
        sealed,
        storedBytes,
        reopens,
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
      const records = namesBelow(localStorage, beginning)
        .map((name) => readJson(localStorage, name))
        .filter(isRecord)
      const open = await openTabs()
      return records.filter((record) => record.tab === tab || !open.has(record.tab))
    },
  }
}

/** The same after a reload; the lock shows other tabs that this one is open. */
function takeTabName(): string {
  const name = readText(sessionStorage, 'tab') ?? Math.random().toString(36).slice(2)
  writeText(sessionStorage, 'tab', name)
  // Without locks (no HTTPS) every tab takes the others for closed.
  navigator.locks?.request(LOCK + name, () => new Promise(() => {})).catch(() => {})
  return name
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
