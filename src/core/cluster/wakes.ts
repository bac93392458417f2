import type { NodeAddress } from '../ports/cluster/leases.ts'
import type { Peers } from '../ports/cluster/peers.ts'
import type { Log } from '../ports/log.ts'
import { mergeNews, type UploadNews } from './upload-news.ts'

export interface WakesOptions {
  peers: Pick<Peers, 'ask'>
  log: Log
}

/** Hints to other nodes. Nothing depends on them but how soon something happens. */
export interface Wakes {
  /** Told with what else the node is told within a moment. */
  tell: (node: NodeAddress, news: UploadNews) => void
  /** Asks these nodes to look at the rows now. Resolves when each has answered, or does not. */
  all: (nodes: readonly NodeAddress[]) => Promise<void>
}

/** How often one node is told something at the most, in milliseconds. */
const EVERY_MS = 200
/** A node that has not answered by then finds out by itself. */
const SILENCE_MS = 2_000

export function createWakes({ peers, log }: WakesOptions): Wakes {
  /** By node: what it is to be told next. A node that was told a moment ago is in it. */
  const pending = new Map<NodeAddress, Map<string, UploadNews>>()

  async function send(node: NodeAddress, uploads: readonly UploadNews[]): Promise<void> {
    const question = { kind: 'wake', body: { uploads } } as const
    const { signal } = new AbortController()
    await peers.ask(node, question, { signal, silenceMs: SILENCE_MS }).catch((err: unknown) => {
      log.debug({ node, err }, 'another node could not be told of uploads')
    })
  }

  function flush(node: NodeAddress): void {
    const uploads = [...(pending.get(node)?.values() ?? [])]
    if (uploads.length === 0) {
      pending.delete(node)
      return
    }
    pending.set(node, new Map())
    setTimeout(() => flush(node), EVERY_MS).unref()
    void send(node, uploads)
  }

  return {
    tell: (node, news) => {
      const waiting = pending.get(node)
      const uploads = waiting ?? new Map<string, UploadNews>()
      uploads.set(news.uploadId, mergeNews(uploads.get(news.uploadId), news))
      if (waiting) return
      pending.set(node, uploads)
      flush(node)
    },
    all: async (nodes) => {
      await Promise.all(nodes.map((node) => send(node, [])))
    },
  }
}
