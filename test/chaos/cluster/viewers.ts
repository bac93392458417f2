import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { sha256 } from '../../helpers/callers/client.ts'
import type { Random } from '../random.ts'
import { type Caller, Interrupted, insist } from './ask.ts'

interface Seen {
  status: string
  progress: number
}

/** Listens to the events of an upload until it ends; connects again where the stream breaks. */
export async function watchEvents(caller: Caller, file: string, uploadId: string): Promise<void> {
  const { url, history, signal } = caller
  for (;;) {
    signal.throwIfAborted()
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${caller.token}` }
    const connected = new AbortController()
    const response = await fetch(`${url}/upload-progress/${uploadId}`, {
      headers,
      signal: AbortSignal.any([signal, connected.signal]),
    }).catch(() => null)
    try {
      if (response?.ok && response.body) {
        const hasEnded = await readEvents(response.body, (seen) => {
          const { status, progress: percent } = seen
          history.add({ kind: 'progress', file, viewer: 'events', percent, status })
        })
        if (hasEnded) return
      } else if (response?.status === 404 || response?.status === 410) return
    } catch {
      // The node has died.
    } finally {
      connected.abort()
    }
    await sleep(200, signal)
  }
}

async function readEvents(
  body: ReadableStream<Uint8Array>,
  onEvent: (seen: Seen) => void,
): Promise<boolean> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const piece of body) {
    text += decoder.decode(piece, { stream: true })
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const data = /^data: ?(.*)$/m.exec(text.slice(0, end))?.[1]
      text = text.slice(end + 2)
      if (data === undefined) continue
      const seen: Seen = JSON.parse(data)
      onEvent(seen)
      if (seen.status !== 'uploading') return true
    }
  }
  return false
}

export interface PostedFile {
  file: string
  size: number
  messageId: number
  fileId: string
}

/** Reads ranges of files that are there, until `isOver`; then one more, which has to succeed. */
export async function readRanges(
  caller: Caller,
  files: readonly PostedFile[],
  { random, isOver }: { random: Random; isOver: () => boolean },
): Promise<void> {
  for (let isLast = false; !isLast; ) {
    isLast = isOver()
    const [first, ...others] = files
    if (first === undefined) {
      await sleep(200, caller.signal)
      continue
    }
    const file = random.pick([first, ...others])
    const from = random.whole(0, file.size - 1)
    const to = Math.min(file.size, from + random.pick([1, 1_000, 100_000, 3_000_000]))
    const range = { file, from, to }
    if (isLast) await insist(() => readRange(caller, range))
    else
      await readRange(caller, range).catch((error: unknown) => {
        if (!(error instanceof Interrupted)) throw error
      })
    await sleep(random.whole(20, 300), caller.signal)
  }
}

async function readRange(
  caller: Caller,
  { file, from, to }: { file: PostedFile; from: number; to: number },
): Promise<void> {
  const { history, token, url, signal } = caller
  const query = new URLSearchParams({ messageId: `${file.messageId}`, token, fileId: file.fileId })
  const path = `/download?${query}`
  const response = await fetch(`${url}${path}`, {
    headers: { range: `bytes=${from}-${to - 1}` },
    signal: AbortSignal.any([signal, AbortSignal.timeout(60_000)]),
  }).catch(() => null)
  const bytes = await response?.arrayBuffer().catch(() => null)
  signal.throwIfAborted()
  if (!response || !bytes) throw new Interrupted('no answer')
  if (response.status === 206) {
    const digest = sha256(new Uint8Array(bytes))
    history.add({ kind: 'read', file: file.file, span: [from, to], sha256: digest })
    return
  }
  const text = Buffer.from(bytes).toString().slice(0, 200)
  if (![429, 502, 503, 504].includes(response.status)) {
    history.add({ kind: 'odd', what: `${file.file}: download: ${response.status} ${text}` })
    return
  }
  history.add({ kind: 'refused', path: '/download', status: response.status })
  await sleep(500, signal)
  throw new Interrupted('refused')
}
