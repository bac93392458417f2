import type { ClusterMetrics, EndedStoreCall } from '../../core/ports/cluster/metrics.ts'
import { AppError } from '../../errors.ts'
import type { ObjectStore } from './object-store.ts'

/** A store whose calls are counted and timed, and is otherwise the same. */
export function meterStore(
  store: ObjectStore,
  metrics: Pick<ClusterMetrics, 'stored'>,
): ObjectStore {
  async function metered<T>(call: EndedStoreCall['call'], work: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    const ended = (outcome: EndedStoreCall['outcome']): void =>
      metrics.stored({ call, outcome, seconds: (performance.now() - begun) / 1000 })
    try {
      const result = await work()
      ended('ok')
      return result
    } catch (error) {
      const isMissing = error instanceof AppError && error.code === 'SPOOL_DAMAGED'
      ended(isMissing ? 'missing' : 'failed')
      throw error
    }
  }

  return {
    put: (key, body) => metered('put', () => store.put(key, body)),
    get: (key, take) => metered('get', () => store.get(key, take)),
    copy: (from, to) => metered('copy', () => store.copy(from, to)),
    list: async function* (options) {
      const pages = store.list(options)
      for (;;) {
        const page = await metered('list', () => pages.next())
        if (page.done) return
        yield page.value
      }
    },
    remove: (keys) => metered('remove', () => store.remove(keys)),
    check: () => metered('check', () => store.check()),
    get circuit() {
      return store.circuit
    },
    close: store.close,
  }
}
