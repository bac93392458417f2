import { createSemaphore } from '../../lib/concurrency/semaphore.ts'

export interface BytePoolLimits {
  /** How long a request waits until another one is made to give way. */
  yieldMs: number
  /** How long a request keeps what it has got, whoever waits. */
  keepMs: number
}

/** A request that brings bytes before they belong to an upload. */
export interface ByteRequest {
  address: string
  /** How much will come, as far as is known. */
  bytes: number
  signal: AbortSignal
  /** Ends the request, because another one waits; false where it cannot be ended any more. */
  giveWay: () => boolean
}

/** Bytes that may be on their way at once, over all addresses. */
export interface BytePool {
  /**
   * Resolves when these bytes fit; the returned function gives them back. While it waits, another
   * address that holds more is made to give way. Rejects with the signal's reason.
   */
  take: (bringer: ByteRequest) => Promise<() => void>
  setLimit: (bytes: number) => void
}

interface Holder extends Pick<ByteRequest, 'address' | 'bytes' | 'giveWay'> {
  since: number
  release: () => void
}

export function createBytePool(maxBytes: number, { yieldMs, keepMs }: BytePoolLimits): BytePool {
  const places = createSemaphore(maxBytes)
  const holders = new Set<Holder>()
  let gaveWayAt = Number.NEGATIVE_INFINITY

  /** However many wait: what one has left may be enough for all of them. */
  function makeWay(forAddress: string): void {
    const now = performance.now()
    if (now - gaveWayAt < yieldMs) return
    for (const holder of inOrderOfGivingWay([...holders], forAddress)) {
      if (now - holder.since < keepMs || !holder.giveWay()) continue
      gaveWayAt = now
      holder.release()
      return
    }
  }

  return {
    setLimit: places.setLimit,
    take: async ({ address, bytes, signal, giveWay }: ByteRequest): Promise<() => void> => {
      const waiting = setInterval(() => makeWay(address), yieldMs).unref()
      const leave = await places.acquire(bytes, signal).finally(() => clearInterval(waiting))
      const release = (): void => {
        holders.delete(holder)
        leave()
      }
      const holder = { address, bytes, giveWay, release, since: performance.now() }
      holders.add(holder)
      return release
    },
  }
}

/**
 * Those that may have to give way to another address, in this order: from the address that holds
 * most, and of one address the oldest. Nobody gives way to an address that holds more already.
 */
export function inOrderOfGivingWay<Holding extends Pick<Holder, 'address' | 'bytes' | 'since'>>(
  holders: readonly Holding[],
  forAddress: string,
): Holding[] {
  const heldBy = new Map<string, number>()
  for (const { address, bytes } of holders) {
    heldBy.set(address, (heldBy.get(address) ?? 0) + bytes)
  }
  const held = ({ address }: Pick<Holder, 'address'>): number => heldBy.get(address) ?? 0
  const own = held({ address: forAddress })
  return holders
    .filter((holder) => holder.address !== forAddress && held(holder) > own)
    .toSorted((a, b) => held(b) - held(a) || a.since - b.since)
}
