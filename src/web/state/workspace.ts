import type { Client } from 'telestore-client'
import { createLibrary, type Library } from '../library/library.ts'
import { notify } from '../notice.tsx'
import { announceChanges } from '../uploads/announce-changes.ts'
import { createUploads, type Uploads } from '../uploads/uploads.ts'
import { keepAwake } from '../uploads/wake-lock.ts'
import { createPageClient, type WorkerTerms } from '../worker.ts'
import { type Session, userKeyOf } from './session.ts'
import { createStore, type Store } from './store.ts'

/** Everything of the user who is signed in. */
export interface Workspace {
  userKey: string
  client: Client
  uploads: Uploads
  library: Library
  /** Shows what went wrong, and asks for the token again when it was that. */
  onFailure: (error: unknown) => void
  /** The same for those who show it themselves. */
  onRefusal: (error: unknown) => void
  close: () => void
}

const REFRESH_EVERY_MS = 30_000

/**
 * Opens with the first sign-in. A refused token leaves it as it is, so that nothing is lost while
 * the user fetches another; signing out closes it, and so does somebody else's signing in, because
 * what one user has begun must not go into another's channel.
 */
export function keepWorkspace(session: Session, terms: WorkerTerms): Store<Workspace | null> {
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
      workspace.value?.library.refresh(workspace.value.client).catch(session.notice)
    }
  }

  function end(): void {
    workspace.value?.close()
    workspace.set(null)
  }

  session.token.subscribe(follow)
  session.endings.subscribe(end)
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
    onFailure: session.notice,
    onUploaded: ({ uploadId, messageId, fileId, fileName, size }, type) =>
      library.add({ uploadId, messageId, fileId, size, type, name: fileName, at: Date.now() }),
  })
  const silence = announceChanges(uploads)
  const letSleep = keepAwake(uploads.files)
  const stop = new AbortController()
  let refreshedAt = Date.now()
  // What other browsers have brought shows once the user is back.
  const refresh = (): void => {
    if (session.token.value === null || Date.now() - refreshedAt < REFRESH_EVERY_MS) return
    refreshedAt = Date.now()
    library.refresh(client).catch(session.notice)
  }
  addEventListener('focus', refresh, { signal: stop.signal })
  return {
    userKey,
    client,
    uploads,
    library,
    onFailure: (error) => {
      session.notice(error)
      notify({ text: error instanceof Error ? error.message : String(error), isFault: true })
    },
    onRefusal: session.notice,
    close: () => {
      stop.abort()
      silence()
      letSleep()
      uploads.close()
      library.close()
    },
  }
}
