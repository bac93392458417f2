import type { MaintainedLedger } from '../../../src/core/ports/ledger.ts'
import { createRandom } from '../../chaos/random.ts'

/** How many turns of the event loop a call may take on its way there, and again on its way back. */
const MOST_TURNS = 4

/**
 * The same ledger behind a network: each call takes a few turns of the event loop there and back,
 * how many says the seed. Calls overtake each other, so a caller that relies on the order of calls
 * it does not wait for, or on nothing happening between a look and an act, goes wrong.
 */
export function delayLedger<L extends MaintainedLedger>(ledger: L, seed: number): L {
  const random = createRandom(seed)
  const onTheWay = async (): Promise<void> => {
    for (let turns = random.whole(0, MOST_TURNS); turns > 0; turns--) {
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  return new Proxy(ledger, {
    get: (target, name, receiver) => {
      const call: unknown = Reflect.get(target, name, receiver)
      if (typeof call !== 'function' || name === 'deriveKey' || name === 'before') return call
      return async (...args: unknown[]) => {
        await onTheWay()
        try {
          return await Reflect.apply(call, target, args)
        } finally {
          await onTheWay()
        }
      }
    },
  })
}
