import type { ResumeStore, UploadSource } from './upload-api.ts'

/** The used part of localStorage. */
export interface TextStorage {
  readonly length: number
  key: (index: number) => string | null
  getItem: (name: string) => string | null
  setItem: (name: string, value: string) => void
  removeItem: (name: string) => void
}

const PREFIX = 'telestore-upload:'
const MAX_ENTRIES = 500

/** A resume store in localStorage. An entry that cannot be written (private window, full storage) is skipped. */
export function createStorageResumeStore(storage: TextStorage): ResumeStore {
  function names(): string[] {
    const all = Array.from({ length: storage.length }, (_, index) => storage.key(index))
    return all.filter((name): name is string => name?.startsWith(PREFIX) === true)
  }

  return {
    get: (key) => storage.getItem(PREFIX + key),
    set: (key, uploadId) => {
      try {
        // An uploadId begins with its time, so the smallest value is the oldest entry.
        const oldest = names().sort((a, b) => ageOf(storage, a) - ageOf(storage, b))
        for (const name of oldest.slice(0, Math.max(0, oldest.length - MAX_ENTRIES + 1)))
          storage.removeItem(name)
        storage.setItem(PREFIX + key, uploadId)
      } catch {
        // Then this upload starts over after a reload.
      }
    },
    delete: (key) => storage.removeItem(PREFIX + key),
  }
}

/** Returns a store in the localStorage of the browser; null where there is none or it is forbidden. */
export function findBrowserStore(): ResumeStore | null {
  // Node has a localStorage too, which warns when it is read without a file.
  if (!('document' in globalThis)) return null
  try {
    const { localStorage } = globalThis as { localStorage?: TextStorage }
    return localStorage ? createStorageResumeStore(localStorage) : null
  } catch {
    return null
  }
}

/** Returns a key for the content of a file, as exact as it can be without reading the file. */
export function resumeKey(
  url: string,
  source: UploadSource,
  { fileName, chunkSize, folder }: { fileName: string; chunkSize: number; folder: string | null },
): string {
  const place = folder === null ? [] : [folder]
  return JSON.stringify([url, fileName, source.size, source.lastModified ?? 0, chunkSize, ...place])
}

function ageOf(storage: TextStorage, name: string): number {
  return Number.parseInt(storage.getItem(name) ?? '0', 10)
}

/** One file's entry in a resume store. Without a store it reads null and writes nothing. */
export interface ResumeEntry {
  read: () => Promise<string | null>
  write: (uploadId: string) => Promise<void>
  /** Keeps the entry when another job has written another id for the same file since. */
  remove: (uploadId: string) => Promise<void>
}

export function resumeEntryOf(store: ResumeStore | null, key: string): ResumeEntry {
  return {
    read: async () => (await store?.get(key)) ?? null,
    write: async (uploadId) => store?.set(key, uploadId),
    remove: async (uploadId) => {
      if ((await store?.get(key)) === uploadId) await store?.delete(key)
    },
  }
}
