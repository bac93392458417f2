import { type Client, TeleStoreError } from 'telestore-client'
import { concernsName, readJson, writeText } from '../state/storage.ts'
import { createStore, type Store } from '../state/store.ts'
import { parseJobs } from './jobs.ts'

/** A file in the user's channel. */
export interface LibraryEntry {
  messageId: number
  /** Needed where a bot serves the channel, because bots cannot read messages. */
  fileId: string | null
  uploadId: string
  name: string
  size: number
  type: string
  /** Epoch ms. */
  at: number
}

/** The uploaded files, newest first: those of this browser, and those that the worker still lists. */
export interface Library {
  readonly entries: Store<readonly LibraryEntry[]>
  add: (entry: LibraryEntry) => void
  /** Removes it from the list. The file stays in Telegram. */
  remove: (entry: LibraryEntry) => void
  /** Reverts the removal. */
  restore: (entry: LibraryEntry) => void
  /** Adds files that other browsers have uploaded, from the list of the worker. */
  refresh: (client: Client) => Promise<void>
  close: () => void
}

const MAX_ENTRIES = 500

export function createLibrary(userKey: string): Library {
  const name = `${userKey}:library`
  const hiddenName = `${userKey}:hidden`
  const entries = createStore<readonly LibraryEntry[]>(readEntries(name))

  function write(next: readonly LibraryEntry[]): void {
    const newest = [...next].sort((a, b) => b.at - a.at).slice(0, MAX_ENTRIES)
    entries.set(newest)
    writeText(localStorage, name, JSON.stringify(newest))
  }

  function merge(added: readonly LibraryEntry[]): void {
    // Another tab may have written since.
    const known = readEntries(name)
    const fresh = added.filter((one) => !known.some((each) => isSameFile(each, one)))
    if (fresh.length > 0) write([...known, ...fresh])
  }

  const listener = (event: StorageEvent): void => {
    if (concernsName(event, name)) entries.set(readEntries(name))
  }
  addEventListener('storage', listener)

  return {
    entries,
    add: (entry) => merge([entry]),
    remove: (entry) => {
      write(readEntries(name).filter((each) => !isSameFile(each, entry)))
      const hidden = [entry.uploadId, ...readHidden(hiddenName)].slice(0, MAX_ENTRIES)
      writeText(localStorage, hiddenName, JSON.stringify(hidden))
    },
    restore: (entry) => {
      const hidden = readHidden(hiddenName).filter((uploadId) => uploadId !== entry.uploadId)
      writeText(localStorage, hiddenName, JSON.stringify(hidden))
      merge([entry])
    },
    refresh: async (client) => {
      const jobs = await client.get('/jobs').then(parseJobs, (error: unknown) => {
        // An older worker has no such list.
        if (error instanceof TeleStoreError && error.status === 404) return []
        throw error
      })
      const hidden = new Set(readHidden(hiddenName))
      merge(jobs.filter(({ uploadId }) => !hidden.has(uploadId)))
    },
    close: () => removeEventListener('storage', listener),
  }
}

function isSameFile(one: LibraryEntry, other: LibraryEntry): boolean {
  return one.uploadId === other.uploadId || one.messageId === other.messageId
}

function readHidden(name: string): string[] {
  const value = readJson(localStorage, name)
  return Array.isArray(value) ? value.map(String) : []
}

function readEntries(name: string): LibraryEntry[] {
  const value = readJson(localStorage, name)
  return Array.isArray(value) ? value.filter(isEntry) : []
}

function isEntry(value: unknown): value is LibraryEntry {
  if (typeof value !== 'object' || value === null) return false
  const texts = ['name', 'type', 'uploadId'].every(
    (field) => typeof Reflect.get(value, field) === 'string',
  )
  const numbers = ['messageId', 'size', 'at'].every(
    (field) => typeof Reflect.get(value, field) === 'number',
  )
  return texts && numbers
}
