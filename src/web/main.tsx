import { render } from 'preact'
import { App } from './app.tsx'
import { createSession } from './state/session.ts'
import { createWorkspaceStore } from './state/workspace.ts'
import { DEFAULT_TERMS, readTerms } from './worker.ts'

// Without this, a browser opens a file that is dropped outside of the drop zone in place of the page.
for (const type of ['dragover', 'drop']) {
  addEventListener(type, (event) => {
    if (event.defaultPrevented || !(event instanceof DragEvent) || !event.dataTransfer) return
    if (!event.dataTransfer.types.includes('Files')) return
    event.preventDefault()
    event.dataTransfer.dropEffect = 'none'
  })
}

const root = document.querySelector('#page')
if (root) {
  // Offline, the page still shows the uploads and files that it remembers.
  const session = createSession()
  const [terms] = await Promise.all([readTerms().catch(() => DEFAULT_TERMS), session.join()])
  const workspace = createWorkspaceStore(session, terms)
  root.replaceChildren()
  render(<App session={session} terms={terms} workspace={workspace} />, root)
}
