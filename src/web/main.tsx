import { render } from 'preact'

const root = document.querySelector('#page')
if (root) render(<h1>TeleStore</h1>, root)
