import { createTtlCache } from '../../../lib/ttl-cache.ts'
import type { PeerAnswerer } from '../../ports/cluster/peers.ts'
import type { Progress, ProgressBoard, ProgressListener } from '../../progress/progress-board.ts'
import { createProgressFeed } from '../../progress/progress-feed.ts'

/** What is told of uploads at this node, for those that other nodes watch. */
export interface OwnProgress {
  note: ProgressListener
  /** Answers `progress` until the asker hangs up. */
  answer: PeerAnswerer
}

/** Between two events of one upload; a change of phase is told at once. */
const EVERY_MS = 50
/** An upload that a node carries and tells nothing of for so long is told by its row. */
const KEPT_MS = 3_600_000
const MAX_KEPT = 50_000

/**
 * Only what is told here first is passed on, never what another node has told: two nodes that watch each
 * other's uploads do not send it back and forth.
 */
export function createOwnProgress({ isHere }: { isHere: (id: string) => boolean }): OwnProgress {
  const latest = createTtlCache<Progress>({ maxEntries: MAX_KEPT })
  const listeners = new Map<string, Set<ProgressListener>>()

  function subscribeToAll(ids: readonly string[], listener: ProgressListener): () => void {
    for (const id of ids) listeners.set(id, (listeners.get(id) ?? new Set()).add(listener))
    return () => {
      for (const id of ids) {
        const all = listeners.get(id)
        if (all?.delete(listener) && all.size === 0) listeners.delete(id)
      }
    }
  }

  return {
    note: (progress, id) => {
      if (progress?.status === 'uploading') latest.set(id, progress, KEPT_MS)
      else latest.delete(id)
      for (const listener of listeners.get(id) ?? []) listener(progress, id)
    },
    answer: async (body, { signal, emit }) => {
      const ids = idsIn(body)
      const board: Pick<ProgressBoard, 'subscribe'> = {
        subscribe: (_subject, listener) => subscribeToAll(ids, listener),
      }
      const feed = createProgressFeed(board, { owner: '' }, { signal, everyMs: EVERY_MS })
      // Also where nothing is known yet: so the asker knows that it is told from now on.
      emit(null)
      for (const uploadId of ids) {
        const progress = isHere(uploadId) ? latest.get(uploadId) : undefined
        if (progress) emit({ uploadId, progress })
      }
      for await (const change of feed) emit(change)
      return null
    },
  }
}

function idsIn(body: unknown): string[] {
  const { uploadIds } = Object(body) as { uploadIds?: unknown }
  return Array.isArray(uploadIds) ? uploadIds.filter((id) => typeof id === 'string') : []
}
