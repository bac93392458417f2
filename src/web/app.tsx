import { useEffect, useRef } from 'preact/hooks'
import { Announcer, announce } from './announcer.tsx'
import logo from './icon.svg?url'
import type { Session } from './session.ts'
import { type Store, useStore } from './store.ts'
import { Button } from './ui/button.tsx'
import { DropZone } from './ui/drop-zone.tsx'
import { LibraryList } from './ui/library-list.tsx'
import { SignIn } from './ui/sign-in.tsx'
import { UploadList } from './ui/upload-list.tsx'
import type { WorkerTerms } from './worker.ts'
import type { Workspace } from './workspace.ts'

export interface AppProps {
  session: Session
  terms: WorkerTerms
  workspace: Store<Workspace | null>
}

export function App({ session, terms, workspace }: AppProps) {
  const token = useStore(session.token)
  const work = useStore(workspace)
  const title = useRef<HTMLHeadingElement>(null)
  const before = useRef(token)

  useEffect(() => {
    // The form that had the focus is gone.
    if (before.current === null && token !== null) {
      announce('Signed in')
      title.current?.focus()
    }
    before.current = token
  }, [token])

  return (
    <>
      <header class="top">
        <img src={logo} alt="" width={36} height={36} />
        <h1 ref={title} tabIndex={-1}>
          TeleStore
        </h1>
        {token !== null && (
          <Button icon="key" onClick={session.signOut}>
            Sign out
          </Button>
        )}
      </header>
      <main>
        {token === null && <SignIn session={session} terms={terms} />}
        {work && <Work work={work} signedIn={token !== null} />}
      </main>
      <Announcer />
    </>
  )
}

/** Without a token only the uploads stay, so that nothing seems lost. */
function Work({ work, signedIn }: { work: Workspace; signedIn: boolean }) {
  const { uploads, library, client, onFailure } = work
  const isEmpty = useStore(uploads.files).length + useStore(library.entries).length === 0
  return (
    <>
      {signedIn && <DropZone small={!isEmpty} onPicked={(picked) => void uploads.add(picked)} />}
      <UploadList uploads={uploads} />
      {signedIn && <LibraryList library={library} client={client} onFailure={onFailure} />}
    </>
  )
}
