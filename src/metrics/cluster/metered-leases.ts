import type { Leases } from '../../core/ports/cluster/leases.ts'
import type { ClusterMetrics } from '../../core/ports/cluster/metrics.ts'
import { AppError } from '../../errors.ts'

/** Leases whose beginnings and ends are counted, and are otherwise the same. */
export function meterLeases(leases: Leases, metrics: Pick<ClusterMetrics, 'lease'>): Leases {
  /** Those that this node holds, by name, with their epochs. */
  const held = new Map<string, number>()

  function end(name: string, event: 'released' | 'lost'): void {
    if (held.delete(name)) metrics.lease(name, event)
  }

  return {
    ...leases,
    acquire: async (name) => {
      const acquired = await leases.acquire(name)
      if (acquired.kind === 'elsewhere') {
        metrics.lease(name, 'elsewhere')
        return acquired
      }
      const { lease, isTakenOver = false } = acquired
      if (held.get(name) === lease.epoch || lease.lost.aborted) return acquired
      held.set(name, lease.epoch)
      metrics.lease(name, isTakenOver ? 'taken-over' : 'taken')
      lease.lost.addEventListener(
        'abort',
        () => {
          if (held.get(name) === lease.epoch) end(name, eventOf(lease.lost.reason))
        },
        { once: true },
      )
      return acquired
    },
    release: async (name) => {
      await leases.release(name)
      end(name, 'released')
    },
    close: async () => {
      // Closing ends them, which is no loss.
      const names = [...held.keys()]
      held.clear()
      try {
        await leases.close()
      } finally {
        for (const name of names) metrics.lease(name, 'released')
      }
    },
  }
}

/** A node that ends gives all of its leases up. */
function eventOf(reason: unknown): 'released' | 'lost' {
  return reason instanceof AppError && reason.code === 'SHUTTING_DOWN' ? 'released' : 'lost'
}
