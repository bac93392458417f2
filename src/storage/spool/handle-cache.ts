import { type FileHandle, open } from 'node:fs/promises'
import { shuttingDown } from '../../errors.ts'

export interface HandleCacheOptions {
  /** Files kept open beyond those in use at this moment. */
  maxOpen: number
  /** Milliseconds after which a file that is not read is closed. */
  idleMs: number
}

/** Files open for reading. A file in use is never closed under its reader. */
export interface HandleCache {
  /** Runs `work` with the open file; rejects with the system's own error when it cannot be opened. */
  use: <T>(path: string, work: (handle: FileHandle) => Promise<T>) => Promise<T>
  /** Closes the files `belongs` names, each after its last reader; resolves when they are closed. */
  forget: (belongs: (path: string) => boolean) => Promise<void>
  /** Closes all; afterwards `use` rejects with SHUTTING_DOWN. */
  close: () => Promise<void>
  readonly size: number
}

interface Entry {
  readonly opening: Promise<FileHandle>
  readonly closed: PromiseWithResolvers<void>
  users: number
  usedAt: number
  dropped: boolean
}

export function createHandleCache({ maxOpen, idleMs }: HandleCacheOptions): HandleCache {
  // Longest unused first.
  const entries = new Map<string, Entry>()
  let timer: NodeJS.Timeout | null = null
  let closed = false

  function enter(path: string): Entry {
    const entry = entries.get(path) ?? {
      opening: open(path, 'r'),
      closed: Promise.withResolvers<void>(),
      users: 0,
      usedAt: 0,
      dropped: false,
    }
    entries.delete(path)
    entries.set(path, entry)
    entry.users++
    return entry
  }

  function leave(entry: Entry): void {
    entry.users--
    entry.usedAt = performance.now()
    if (entry.dropped) closeWhenUnused(entry)
    for (const [other, { users }] of entries) {
      if (entries.size <= maxOpen) break
      if (users === 0) void drop(other)
    }
    scheduleIdleClose()
  }

  function drop(path: string): Promise<void> {
    const entry = entries.get(path)
    if (!entry) return Promise.resolve()
    entries.delete(path)
    entry.dropped = true
    closeWhenUnused(entry)
    return entry.closed.promise
  }

  function closeWhenUnused({ opening, users, closed }: Entry): void {
    if (users > 0) return
    // A file that was only read loses nothing when its closing fails.
    opening.then((handle) => handle.close()).then(closed.resolve, () => closed.resolve())
  }

  function scheduleIdleClose(): void {
    if (timer !== null || entries.size === 0) return
    timer = setTimeout(() => {
      timer = null
      const before = performance.now() - idleMs
      for (const [path, { users, usedAt }] of entries) {
        if (users === 0 && usedAt <= before) void drop(path)
      }
      scheduleIdleClose()
    }, idleMs).unref()
  }

  async function forget(belongs: (path: string) => boolean): Promise<void> {
    await Promise.all([...entries.keys()].filter(belongs).map(drop))
  }

  return {
    use: async (path, work) => {
      if (closed) throw shuttingDown()
      const entry = enter(path)
      try {
        const handle = await entry.opening.catch((error: unknown) => {
          // What could not be opened now may be there the next time.
          if (entries.get(path) === entry) entries.delete(path)
          throw error
        })
        return await work(handle)
      } finally {
        leave(entry)
      }
    },
    forget,
    close: async () => {
      closed = true
      if (timer !== null) clearTimeout(timer)
      await forget(() => true)
    },
    get size() {
      return entries.size
    },
  }
}
