import { render } from 'preact'
import { createShare } from './share.ts'
import { SharePage } from './share-page.tsx'

const root = document.querySelector('#share')
if (root) {
  root.replaceChildren()
  render(<SharePage share={createShare(location.pathname)} />, root)
}
