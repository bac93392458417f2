import { AppError } from '../../errors.ts'
import type { PreemptibleLock } from '../../lib/concurrency/preemptible-lock.ts'
import { onAbort } from '../../lib/waiting/abortable.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { Lease, LeaseName, Leases, NodeAddress } from '../ports/cluster/leases.ts'
import type { Peers } from '../ports/cluster/peers.ts'
import type { Log } from '../ports/log.ts'

export interface StreamLockOptions {
  leases: Pick<Leases, 'acquire' | 'release'>
  peers: Pick<Peers, 'ask' | 'answer'>
  /** Milliseconds that a request waits for the stream, here and at other nodes together. */
  timeoutMs: number
  /** Milliseconds for which a node keeps a stream of which no request works: the next one may come to it. */
  keepMs?: number
  log: Log
}

const KEEP_MS = 5_000
/** Between two tries where the other node does not say that the stream is free. */
const AGAIN_MS = 200

/**
 * The lock of streams among all nodes: whoever has it here holds the lease of the stream as well. Where
 * another node has that, it is asked to end the request that brings the bytes.
 *
 * A lease that is lost ends the request at once. What it still writes does no harm: the client sends the
 * same bytes at the same offset, and a chunk with others is refused.
 */
export function createStreamLock(
  local: PreemptibleLock,
  options: StreamLockOptions,
): PreemptibleLock {
  const { leases, peers, timeoutMs, keepMs = KEEP_MS, log } = options
  /** Of streams that this node keeps: what stops the timer. */
  const kept = new Map<string, () => void>()

  function stopKeeping(id: string): void {
    kept.get(id)?.()
    kept.delete(id)
  }

  function keep(id: string): void {
    stopKeeping(id)
    const timer = setTimeout(() => {
      kept.delete(id)
      void giveUp(id)
    }, keepMs).unref()
    kept.set(id, () => clearTimeout(timer))
  }

  /** Unless a request here has come for it meanwhile. Resolves with whether others may have it. */
  async function giveUp(id: string): Promise<boolean> {
    if (local.isHeld(id)) return false
    stopKeeping(id)
    await leases.release(nameOf(id)).catch((err: unknown) => {
      log.debug({ uploadId: id, err }, 'the lease of a stream ends by itself')
    })
    return true
  }

  /** Null: another node has it, and did not give it up in time. */
  async function takeLease(
    id: string,
    { deadline, signal }: { deadline: number; signal: AbortSignal | undefined },
  ): Promise<Lease | null> {
    for (;;) {
      stopKeeping(id)
      const acquired = await leases.acquire(nameOf(id))
      if (acquired.kind === 'held') return acquired.lease
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return null
      const isFree = await askToEnd(
        acquired.holder,
        id,
        AbortSignal.timeout(Math.ceil(leftMs)),
        signal,
      )
      if (!isFree) await sleep(Math.min(AGAIN_MS * (0.5 + Math.random()), leftMs), signal)
    }
  }

  async function askToEnd(
    holder: NodeAddress,
    uploadId: string,
    timeout: AbortSignal,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    const question = { kind: 'end-stream', body: { uploadId } } as const
    const asking = signal ? AbortSignal.any([signal, timeout]) : timeout
    try {
      return (await peers.ask(holder, question, { signal: asking })) === true
    } catch (err) {
      signal?.throwIfAborted()
      log.debug({ uploadId, holder, err }, 'another node was not asked to end a stream')
      return false
    }
  }

  function holding(id: string, lease: Lease, requestUnlock: () => void, release: () => void) {
    const ignoreLoss = onAbort(lease.lost, requestUnlock)
    let isReleased = false
    return () => {
      if (isReleased) return
      isReleased = true
      ignoreLoss()
      release()
      keep(id)
    }
  }

  peers.answer('end-stream', async (body, { signal }) => {
    const { uploadId } = Object(body) as { uploadId?: unknown }
    if (typeof uploadId !== 'string') throw new AppError('INVALID_REQUEST', 'This ends no stream')
    await local.requestUnlock(uploadId, signal)
    return giveUp(uploadId)
  })

  return {
    acquire: async (id, requestUnlock, signal) => {
      const deadline = performance.now() + timeoutMs
      const release = await local.acquire(id, requestUnlock, signal)
      if (release === null) return null
      try {
        const lease = await takeLease(id, { deadline, signal })
        if (lease) return holding(id, lease, requestUnlock, release)
      } catch (error) {
        release()
        throw error
      }
      release()
      return null
    },
    tryAcquire: async (id) => {
      const release = await local.tryAcquire(id)
      if (release === null) return null
      try {
        stopKeeping(id)
        const acquired = await leases.acquire(nameOf(id))
        if (acquired.kind === 'held') return holding(id, acquired.lease, () => {}, release)
      } catch (error) {
        release()
        throw error
      }
      release()
      return null
    },
    isHeld: local.isHeld,
    requestUnlock: local.requestUnlock,
    requestUnlockAll: local.requestUnlockAll,
  }
}

function nameOf(id: string): LeaseName {
  return `stream:${id}`
}
