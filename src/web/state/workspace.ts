import type { Client } from 'telestore-client'
import { type Changes, createChanges } from '../library/changes.ts'
import { createLibrary, type Library } from '../library/library.ts'
import { createFileLinks, type FileLinks } from '../library/links.ts'
import { followChanges } from '../library/live.ts'
import { createThumbnails, type Thumbnails } from '../library/thumbnails.ts'
import { notify } from '../notice.tsx'
import { announceChanges } from '../uploads/announce-changes.ts'
import { createUploads, type Uploads } from '../uploads/uploads.ts'
import { holdWakeLock } from '../uploads/wake-lock.ts'
import { createLastClient, createPageClient, type WorkerTerms } from '../worker.ts'
import { type Session, userKeyOf } from './session.ts'
import { removeText } from './storage.ts'
import { createStore, type Store } from './store.ts'

/** Everything of the user that is signed in. */
export interface Workspace {
  userKey: string
  uploads: Uploads
  library: Library
  links: FileLinks
  shares: Client['shares']
  changes: Changes
  thumbnails: Thumbnails
  folders: Pick<Client['library'], 'list'>
  /** Shows the error, and asks for a new token when the worker has refused the last one. */
  onFailure: (error: unknown) => void
  /** The same without showing the error. */
  dropRefusedToken: (error: unknown) => void
  close: () => void
}

/**
 * The workspace opens with the first sign-in. It stays open when the token is refused, so that nothing
 * is lost until the user enters another. It closes when the user signs out or another user signs in,
 * because uploads of one user must not go into the channel of another.
 */
export function createWorkspaceStore(
  session: Session,
  terms: WorkerTerms,
): Store<Workspace | null> {
  const workspace = createStore<Workspace | null>(null)

  function follow(): void {
    const token = session.token.value
    if (token !== null) {
      const userKey = userKeyOf(token)
      if (workspace.value?.userKey === userKey) {
        workspace.value.uploads.retryRefused()
        workspace.value.library.refresh()
        return
      }
      workspace.value?.close()
      workspace.set(open(session, userKey, terms))
    }
  }

  function end(): void {
    workspace.value?.close()
    workspace.set(null)
  }

  session.token.subscribe(follow)
  session.signOuts.subscribe(end)
  follow()
  return workspace
}

function open(session: Session, userKey: string, { maxFileBytes }: WorkerTerms): Workspace {
  const token = (): string => {
    const last = session.lastToken()
    // What is still under way must not go on in the channel of another user.
    if (userKeyOf(last) !== userKey) throw new Error('Another user has signed in')
    return last
  }
  const client = createPageClient(token)
  forgetOldLists(userKey)
  const library = createLibrary({ client, onFailure: session.dropRefusedToken })
  const uploads = createUploads({
    client,
    userKey,
    maxFileBytes,
    onFailure: session.dropRefusedToken,
    onUploaded: library.refresh,
  })
  const onFailure = (error: unknown): void => {
    session.dropRefusedToken(error)
    notify({ text: error instanceof Error ? error.message : String(error), isFault: true })
  }
  const changes = createChanges({
    client,
    lastClient: createLastClient(token),
    onFailure,
    onChanged: library.listing.refresh,
  })
  const thumbnails = createThumbnails({
    load: (messageId, signal) => client.library.thumbnail(messageId, { signal }),
    toUrl: (picture) => URL.createObjectURL(picture),
    revoke: (url) => URL.revokeObjectURL(url),
  })
  const stopAnnouncing = announceChanges(uploads)
  const releaseWakeLock = holdWakeLock(uploads.files)
  const stop = new AbortController()
  addEventListener('pagehide', changes.leave, { signal: stop.signal })
  followChanges({
    token: () => session.token.value,
    onChange: library.refresh,
    signal: stop.signal,
  })
  return {
    userKey,
    uploads,
    library,
    links: createFileLinks(client),
    shares: client.shares,
    changes,
    thumbnails,
    folders: client.library,
    onFailure,
    dropRefusedToken: session.dropRefusedToken,
    close: () => {
      changes.leave()
      stop.abort()
      stopAnnouncing()
      releaseWakeLock()
      uploads.close()
      library.close()
      thumbnails.close()
    },
  }
}

/** Earlier versions of the page kept lists of files, which the library has now. */
function forgetOldLists(userKey: string): void {
  for (const name of ['library', 'hidden', 'file-ids'])
    removeText(localStorage, `${userKey}:${name}`)
}
