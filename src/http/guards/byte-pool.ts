import { createSemaphore } from '../../lib/concurrency/semaphore.ts'

export interface BytePoolLimits {
  /** How long a request waits before another one is evicted for it. */
  evictAfterMs: number
  /** How long a request is safe from eviction once its bytes fit. */
  protectedMs: number
}

/** A request whose bytes do not belong to an upload yet. */
export interface ByteRequest {
  address: string
  /** How many bytes will come, as far as is known. */
  bytes: number
  signal: AbortSignal
  /** Ends the request because another one waits; returns false if it can no longer be ended. */
  evict: () => boolean
}

/** Limits the bytes of all requests that are on their way at once. */
export interface BytePool {
  /**
   * Resolves when these bytes fit; the returned function releases them. Meanwhile a request of an
   * address that holds more bytes may be evicted. Rejects with the signal's reason.
   */
  take: (request: ByteRequest) => Promise<() => void>
  setLimit: (bytes: number) => void
}

interface Holder extends Pick<ByteRequest, 'address' | 'bytes' | 'evict'> {
  since: number
  release: () => void
}

export function createBytePool(maxBytes: number, limits: BytePoolLimits): BytePool {
  const { evictAfterMs, protectedMs } = limits
  const bytesInFlight = createSemaphore(maxBytes)
  const holders = new Set<Holder>()
  let evictedAt = Number.NEGATIVE_INFINITY

  /**
   * One eviction at a time, however many requests wait: its bytes may be enough for all of them.
   */
  function evictFor(address: string): void {
    const now = performance.now()
    if (now - evictedAt < evictAfterMs) return
    for (const holder of inEvictionOrder([...holders], address)) {
      if (now - holder.since < protectedMs || !holder.evict()) continue
      evictedAt = now
      holder.release()
      return
    }
  }

  return {
    setLimit: bytesInFlight.setLimit,
    take: async ({ address, bytes, signal, evict }: ByteRequest): Promise<() => void> => {
      const waiting = setInterval(() => evictFor(address), evictAfterMs).unref()
      const giveBack = await bytesInFlight
        .acquire(bytes, signal)
        .finally(() => clearInterval(waiting))
      const release = (): void => {
        holders.delete(holder)
        giveBack()
      }
      const holder = { address, bytes, evict, release, since: performance.now() }
      holders.add(holder)
      return release
    },
  }
}

/**
 * The requests that may be evicted for another address: first those of the address that holds most
 * bytes, and of one address the oldest first. An address that holds no more than the waiting one
 * loses nothing.
 */
export function inEvictionOrder<Holding extends Pick<Holder, 'address' | 'bytes' | 'since'>>(
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
