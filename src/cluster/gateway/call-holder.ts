import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import { AccountElsewhere, AppError } from '../../errors.ts'
import { backoff } from '../../lib/waiting/retry.ts'
import { sleep } from '../../lib/waiting/sleep.ts'

export interface HolderCall<T> {
  self: NodeAddress
  signal: AbortSignal
  /** Milliseconds for which the call waits for an account that goes from one node to another. */
  patienceMs: number
  /** By this node itself. Rejects with AccountElsewhere where another one has the account. */
  local: () => Promise<T>
  /** By the node that has the account; or where that one says that it is. */
  remote: (holder: NodeAddress) => Promise<{ value: T } | { elsewhere: NodeAddress }>
  now?: () => number
}

/** A node that restarts, is cut off, or has just lost the account: it may be anywhere in a moment. */
const GONE = new Set(['PEER_UNAVAILABLE', 'LEASE_LOST', 'SHUTTING_DOWN'])
const PAUSE = { baseMs: 100, capMs: 1_000 }

/**
 * Calls the node that has the account, this one first. Waits for some time while it passes from one node
 * to another; rejects with PEER_UNAVAILABLE when that takes longer, and as the call itself does.
 */
export async function callHolder<T>(call: HolderCall<T>): Promise<T> {
  const { self, signal, local, remote, now = () => performance.now() } = call
  const until = now() + call.patienceMs
  let hint: NodeAddress | null = null
  for (let attempt = 1; ; attempt++) {
    let holder = hint
    hint = null
    try {
      if (holder === null) return await local()
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof AccountElsewhere) holder = error.holder
      else if (!isLost(error) || now() > until) throw error
    }
    try {
      if (holder !== null) {
        const answer = await remote(holder)
        if ('value' in answer) return answer.value
        if (answer.elsewhere !== self) hint = answer.elsewhere
        if (now() > until) throw new AccountElsewhere(answer.elsewhere)
      }
    } catch (error) {
      signal.throwIfAborted()
      if (!isGone(error) || now() > until) throw error
    }
    await sleep(backoff(attempt, PAUSE), signal)
  }
}

function isLost(error: unknown): boolean {
  return error instanceof AppError && error.code === 'LEASE_LOST'
}

function isGone(error: unknown): boolean {
  return error instanceof AppError && GONE.has(error.code)
}
