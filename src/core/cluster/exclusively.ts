import type { LeaseName, Leases, NodeAddress } from '../ports/cluster/leases.ts'

export type Exclusive<T> =
  | { readonly kind: 'done'; readonly result: T }
  | { readonly kind: 'elsewhere'; readonly holder: NodeAddress }

/**
 * Runs `work` while this node has the name and no other one does; its signal aborts with LEASE_LOST when
 * that is over. Rejects as `acquire` and `work` do.
 *
 * Two calls at one node at the same time both run, and the first one that ends gives the name up: callers
 * have a lock of their own.
 */
export async function exclusively<T>(
  leases: Pick<Leases, 'acquire' | 'release'>,
  name: LeaseName,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<Exclusive<T>> {
  const acquired = await leases.acquire(name)
  if (acquired.kind === 'elsewhere') return acquired
  try {
    return { kind: 'done', result: await work(acquired.lease.lost) }
  } finally {
    // What cannot be given back now ends by itself.
    await leases.release(name).catch(() => {})
  }
}
