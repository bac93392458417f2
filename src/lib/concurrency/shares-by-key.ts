import { createSemaphore, type Semaphore } from './semaphore.ts'

export interface SharesByKey {
  /**
   * Resolves when `weight` fits under the key's `limit`; the returned function gives it back, once.
   * Rejects with the signal's reason.
   */
  take: (key: string, wanted: WantedShare) => Promise<() => void>
}

export interface WantedShare {
  weight: number
  /** From now on, for all of the key. */
  limit: number
  signal: AbortSignal
}

/** A semaphore for each key, for as long as a share of it is held or waited for. */
export function createSharesByKey(): SharesByKey {
  const shares = new Map<string, Semaphore>()

  return {
    take: async (key, { weight, limit, signal }) => {
      const share = shares.get(key) ?? createSemaphore(limit)
      shares.set(key, share)
      share.setLimit(limit)
      const forget = (): void => {
        if (share.held === 0 && share.waiting === 0 && shares.get(key) === share) shares.delete(key)
      }
      try {
        const release = await share.acquire(weight, signal)
        return () => {
          release()
          forget()
        }
      } catch (error) {
        forget()
        throw error
      }
    },
  }
}
