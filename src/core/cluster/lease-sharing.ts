import { createKeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import type { LeaseName, Leases } from '../ports/cluster/leases.ts'

/**
 * Makes one node's leases usable by several of its rooms: a name that two of them have acquired is given
 * up when both have released it. An account, say, is held by the room that is connected as it and by the
 * one that carries its uploads.
 *
 * Each call of the returned function makes one room's leases. `close` of any of them closes all.
 */
export function shareLeases(leases: Leases): () => Leases {
  const users = new Map<LeaseName, Set<symbol>>()
  /** Of one name: what is being given up is not acquired meanwhile. */
  const turns = createKeyedLock()
  let closing: Promise<void> | null = null

  function close(): Promise<void> {
    closing ??= leases.close()
    return closing
  }

  function forget(name: LeaseName, user: symbol): boolean {
    const others = users.get(name)
    if (!others?.delete(user) || others.size > 0) return false
    users.delete(name)
    return true
  }

  return () => {
    const user = Symbol('room')
    return {
      get self() {
        return leases.self
      },
      acquire: (name) =>
        turns.run(name, async () => {
          const acquired = await leases.acquire(name)
          if (acquired.kind !== 'held') return acquired
          const known = users.get(name) ?? new Set()
          if (!known.has(user)) {
            const { lost } = acquired.lease
            lost.addEventListener('abort', () => forget(name, user), { once: true })
          }
          users.set(name, known.add(user))
          return acquired
        }),
      release: (name) =>
        turns.run(name, async () => {
          if (forget(name, user)) await leases.release(name)
        }),
      holderOf: leases.holderOf,
      nodes: leases.nodes,
      close,
    }
  }
}
