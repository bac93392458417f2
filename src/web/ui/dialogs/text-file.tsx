import { useEffect, useState } from 'preact/hooks'
import { KiB } from '../../../lib/units.ts'

const MAX_BYTES = 256 * KiB

export interface TextFileProps {
  link: string
  name: string
  onFault: () => void
}

/** The beginning of a text. */
export function TextFile({ link, name, onFault }: TextFileProps) {
  const [text, setText] = useState<string | null>(null)
  useEffect(() => {
    const stop = new AbortController()
    readBeginning(link, stop.signal).then(setText, () => {
      if (!stop.signal.aborted) onFault()
    })
    return () => stop.abort()
  }, [link])
  if (text === null) return <p class="dim">Opening…</p>
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, also by the keyboard.
    <section class="text" tabIndex={0} aria-label={name}>
      <pre>{text}</pre>
    </section>
  )
}

async function readBeginning(link: string, signal: AbortSignal): Promise<string> {
  const headers = { range: `bytes=0-${MAX_BYTES - 1}` }
  const response = await fetch(link, { headers, signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  const text = await response.text()
  const total = Number(response.headers.get('content-range')?.split('/')[1] ?? 0)
  return total > MAX_BYTES ? `${text}\n\n… the rest is in the file itself` : text
}
