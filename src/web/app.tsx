import { useEffect, useRef, useState } from 'preact/hooks'
import { Announcer, announce } from './announcer.tsx'
import logo from './icon.svg?url'
import { Notice } from './notice.tsx'
import type { Session } from './state/session.ts'
import { type Store, useStore } from './state/store.ts'
import type { Workspace } from './state/workspace.ts'
import { AllShares } from './ui/all-shares.tsx'
import { Button } from './ui/button.tsx'
import type { Question } from './ui/dialogs/confirm-dialog.tsx'
import { ConfirmDialog } from './ui/dialogs/lazy-dialogs.ts'
import { Busy } from './ui/library/busy.tsx'
import { LibraryView } from './ui/library/library-view.tsx'
import { UndoBar } from './ui/library/undo-bar.tsx'
import { questionOnLeaving } from './ui/questions.ts'
import { SignIn } from './ui/sign-in.tsx'
import { Conflicts } from './ui/uploads/conflicts.tsx'
import { UploadPanel } from './ui/uploads/upload-panel.tsx'
import { isLeaving } from './uploads/upload-file.ts'
import type { Uploads } from './uploads/uploads.ts'
import type { WorkerTerms } from './worker.ts'

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
        {token !== null && work && <Shares work={work} />}
        {token !== null && work && <SignOut session={session} uploads={work.uploads} />}
      </header>
      <main>
        {token === null && <SignIn session={session} terms={terms} />}
        {work && token !== null && <LibraryView key={work.userKey} work={work} terms={terms} />}
      </main>
      <div class="dock">
        <Notice />
        {work && <UndoBar key={work.userKey} deletes={work.changes.deletes} />}
        {work && <Busy key={work.userKey} busy={work.changes.busy} />}
        {/* It stays without a token, so that nothing seems lost. */}
        {work && <UploadPanel key={work.userKey} uploads={work.uploads} />}
      </div>
      {work && token !== null && <Conflicts key={work.userKey} uploads={work.uploads} />}
      <Announcer />
    </>
  )
}

function Shares({ work }: { work: Workspace }) {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button icon="link" words="with-room" onClick={() => setOpen(true)}>
        Shares
      </Button>
      {isOpen && <AllShares work={work} onClose={() => setOpen(false)} />}
    </>
  )
}

function SignOut({ session, uploads }: { session: Session; uploads: Uploads }) {
  const [question, setQuestion] = useState<Question | null>(null)
  async function signOut(): Promise<void> {
    const here = uploads.files.value.filter(isLeaving).length
    const elsewhere = await uploads.leavingElsewhere().catch(() => 0)
    if (here + elsewhere === 0) session.signOut()
    else setQuestion(questionOnLeaving({ here, elsewhere }, session.signOut))
  }
  return (
    <>
      <Button icon="sign-out" onClick={() => void signOut()}>
        Sign out
      </Button>
      {question && <ConfirmDialog question={question} onClose={() => setQuestion(null)} />}
    </>
  )
}
