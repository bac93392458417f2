import type { Client } from 'telestore-client'
import { createLibrary, type Library } from '../library/library.ts'
import { notify } from '../notice.tsx'
import { announceChanges } from '../uploads/announce-changes.ts'
import { createUploads, type Uploads } from '../uploads/uploads.ts'
import { holdWakeLock } from '../uploads/wake-lock.ts'
import { createPageClient, type WorkerTerms } from '../worker.ts'
import { type Session, userKeyOf } from './session.ts'
import { createStore, type Store } from './store.ts'

/** Everything of the user that is signed in. */
export interface Workspace {
  userKey: string
  client: Client
  uploads: Uploads
  library: Library
  /** Shows the error, and asks for a new token when the worker has refused the last one. */
  onFailure: (error: unknown) => void
  /** The same without showing the error. */
  dropRefusedToken: (error: unknown) => void
  close: () => void
}

const REFRESH_EVERY_MS = 30_000

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
      if (workspace.value?.userKey === userKey) workspace.value.uploads.retryRefused()
      else {
        workspace.value?.close()
        workspace.set(open(session, userKey, terms))
      }
      workspace.value?.library.refresh(workspace.value.client).catch(session.dropRefusedToken)
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
  const client = createPageClient(session)
  const library = createLibrary(userKey)
  const uploads = createUploads({
    client,
    userKey,
    maxFileBytes,
    onFailure: session.dropRefusedToken,
    onUploaded: ({ uploadId, messageId, fileId, fileName, size }, type) =>
      library.add({ uploadId, messageId, fileId, size, type, name: fileName, at: Date.now() }),
  })
  const stopAnnouncing = announceChanges(uploads)
  const releaseWakeLock = holdWakeLock(uploads.files)
  const stop = new AbortController()
  let refreshedAt = Date.now()
  // Shows the files of other browsers when the user comes back to the page.
  const refresh = (): void => {
    if (session.token.value === null || Date.now() - refreshedAt < REFRESH_EVERY_MS) return
    refreshedAt = Date.now()
    library.refresh(client).catch(session.dropRefusedToken)
  }
  addEventListener('focus', refresh, { signal: stop.signal })
  return {
    userKey,
    client,
    uploads,
    library,
    onFailure: (error) => {
      session.dropRefusedToken(error)
      notify({ text: error instanceof Error ? error.message : String(error), isFault: true })
    },
    dropRefusedToken: session.dropRefusedToken,
    close: () => {
      stop.abort()
      stopAnnouncing()
      releaseWakeLock()
      uploads.close()
      library.close()
    },
  }
}
