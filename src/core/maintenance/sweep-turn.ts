import type { Leases } from '../ports/cluster/leases.ts'

const NAME = 'sweep'

/**
 * Whether it is this node's turn to sweep what all nodes share. The first one that asks has the turn for as
 * long as it lives: another one gets it once the lease has ended.
 */
export function createSweepTurn(leases: Pick<Leases, 'acquire'>): () => Promise<boolean> {
  return async () => (await leases.acquire(NAME)).kind === 'held'
}
