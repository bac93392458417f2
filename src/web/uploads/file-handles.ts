/**
 * Handles of chosen files, kept in IndexedDB: a browser that has the File System Access API opens
 * the file again after a reload, once the user allows it.
 */

const DATABASE = 'telestore-page'
const STORE = 'handles'

/** The used part of FileSystemFileHandle, which not every browser has. */
export interface FileHandle {
  readonly kind: 'file' | 'directory'
  getFile: () => Promise<File>
  requestPermission?: (wish: { mode: 'read' }) => Promise<'granted' | 'denied' | 'prompt'>
}

export async function keepHandle(id: string, handle: FileHandle): Promise<boolean> {
  try {
    await inStore('readwrite', (store) => store.put(handle, id))
    return true
  } catch {
    // Private windows have no IndexedDB: then the file has to be chosen again.
    return false
  }
}

export async function forgetHandle(id: string): Promise<void> {
  await inStore('readwrite', (store) => store.delete(id)).catch(() => {})
}

/** Resolves with the file, or null when it is gone or the user refuses. Call it from a click. */
export async function reopenFile(id: string): Promise<File | null> {
  try {
    const handle = (await inStore('readonly', (store) => store.get(id))) as FileHandle | undefined
    const answer = await handle?.requestPermission?.({ mode: 'read' })
    if (answer !== undefined && answer !== 'granted') return null
    return (await handle?.getFile()) ?? null
  } catch {
    return null
  }
}

async function inStore<T>(
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1)
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE)
  const database = await settled(opening)
  try {
    return await settled(work(database.transaction(STORE, mode).objectStore(STORE)))
  } finally {
    database.close()
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
