import type { Client, TransferProgress } from 'telestore-client'
import { createStore, type Store } from '../state/store.ts'
import type { Entry } from './listing.ts'
import { createPendingDeletes, type PendingDeletes } from './pending-deletes.ts'
import { namesOf, parentOf, pathOf } from './place.ts'

/** What the user changes in the channel. What goes wrong is told to `onFailure`: no call rejects. */
export interface Changes {
  readonly deletes: PendingDeletes
  /** What is being done now, as a sentence; null: nothing. */
  readonly busy: Store<string | null>
  /** Resolves with whether the entry has the name. */
  rename: (entry: Entry, name: string) => Promise<boolean>
  move: (entries: readonly Entry[], folder: string) => Promise<void>
  /** Resolves with whether there is such a folder now. */
  makeFolder: (path: string) => Promise<boolean>
  /** Sends what waits, by requests that outlive the page. */
  leave: () => void
}

type ChangingLibrary = Pick<
  Client['library'],
  'place' | 'move' | 'delete' | 'deleteItems' | 'makeFolder' | 'moveFolder' | 'deleteFolder'
>

export interface ChangesOptions {
  client: Pick<Client, 'follow'> & { readonly library: ChangingLibrary }
  /** Its requests go on when the page is left. */
  lastClient: { readonly library: Pick<ChangingLibrary, 'deleteItems' | 'deleteFolder'> }
  onFailure: (error: unknown) => void
  /** Resolves when the list has been read again. */
  onChanged: () => Promise<void>
}

/** The most that one call takes. */
const MOST_AT_ONCE = 1000
const UNDO_MS = 10_000

export function createChanges(options: ChangesOptions): Changes {
  const { client, lastClient, onFailure, onChanged } = options
  const { library } = client
  const busy = createStore<string | null>(null)
  let isLeft = false

  /** Resolves with false when the work has failed. The list is read again in any case. */
  async function change(words: string, work: () => Promise<unknown>): Promise<boolean> {
    busy.set(words)
    try {
      await work()
      return true
    } catch (error) {
      onFailure(error)
      return false
    } finally {
      busy.set(null)
      await onChanged()
    }
  }

  /** Waits until a job has ended, and rejects with its reason when it has failed. */
  async function finish(job: TransferProgress | null, words: string): Promise<void> {
    if (job === null) return
    const { status, reason } = await client.follow(job.uploadId, {
      onProgress: ({ progress, retryAfter }) =>
        busy.set(
          retryAfter === null
            ? `${words} ${Math.floor(progress)} %`
            : `${words} Telegram asks to wait ${retryAfter} s`,
        ),
    })
    if (status === 'failed') throw new Error(reason ?? 'Telegram did not take all of it')
  }

  async function moveFiles(ids: readonly number[], folder: string, words: string): Promise<void> {
    const [first] = ids
    if (first === undefined) return
    if (ids.length === 1) {
      await library.place(first, { folder })
      return
    }
    for (const some of inPieces(ids)) await finish(await library.move(some, folder), words)
  }

  async function deleteAll(entries: readonly Entry[], words: string): Promise<void> {
    for (const path of pathsIn(entries)) {
      await finish(await library.deleteFolder(path, { recursive: true }), words)
    }
    const ids = idsIn(entries)
    const [first] = ids
    if (ids.length === 1 && first !== undefined) await library.delete(first)
    else for (const some of inPieces(ids)) await finish(await library.deleteItems(some), words)
  }

  /** The answers come when the page is gone. */
  function deleteWhileLeaving(entries: readonly Entry[]): void {
    const calls = [
      ...pathsIn(entries).map((path) => lastClient.library.deleteFolder(path, { recursive: true })),
      ...inPieces(idsIn(entries)).map((ids) => lastClient.library.deleteItems(ids)),
    ]
    for (const call of calls) call.catch(() => {})
  }

  const deletes = createPendingDeletes({
    delayMs: UNDO_MS,
    send: async (entries) => {
      if (isLeft) return deleteWhileLeaving(entries)
      const words = 'Deleting…'
      await change(words, () => deleteAll(entries, words))
    },
  })

  return {
    deletes,
    busy,
    rename: (entry, name) =>
      change('Renaming…', () =>
        entry.kind === 'file'
          ? library.place(entry.file.messageId, { fileName: name })
          : library.moveFolder(
              entry.folder.path,
              pathOf([...namesOf(parentOf(entry.folder.path)), name]),
            ),
      ),
    move: async (entries, folder) => {
      const words = 'Moving…'
      await change(words, async () => {
        for (const path of pathsIn(entries)) {
          const name = namesOf(path).at(-1) ?? ''
          await library.moveFolder(path, pathOf([...namesOf(folder), name]))
        }
        await moveFiles(idsIn(entries), folder, words)
      })
    },
    makeFolder: (path) => change('Making the folder…', () => library.makeFolder(path)),
    leave: () => {
      isLeft = true
      deletes.flush()
      isLeft = false
    },
  }
}

/** Whether the entries can be moved there: a folder cannot lie in itself, nor move to where it is. */
export function canMove(entries: readonly Entry[], folder: string): boolean {
  return entries.every((entry) => {
    if (entry.kind === 'file') return entry.file.folder !== folder
    const { path } = entry.folder
    return parentOf(path) !== folder && folder !== path && !folder.startsWith(`${path}/`)
  })
}

function idsIn(entries: readonly Entry[]): number[] {
  return entries.flatMap((entry) => (entry.kind === 'file' ? [entry.file.messageId] : []))
}

function pathsIn(entries: readonly Entry[]): string[] {
  return entries.flatMap((entry) => (entry.kind === 'folder' ? [entry.folder.path] : []))
}

function inPieces(ids: readonly number[]): number[][] {
  const pieces: number[][] = []
  for (let from = 0; from < ids.length; from += MOST_AT_ONCE) {
    pieces.push(ids.slice(from, from + MOST_AT_ONCE))
  }
  return pieces
}
