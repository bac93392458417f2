import { vi } from 'vitest'

/** A wait ends with its condition. When it does not, it is time enough for the busiest machine. */
const TIMEOUT_MS = 60_000

/** What `vi.waitFor` does by itself: it gives up after a second, which a busy machine may need. */
const { waitFor } = vi

vi.waitFor = (callback, options = {}) => {
  const given = typeof options === 'number' ? { timeout: options } : options
  return waitFor(callback, { timeout: TIMEOUT_MS, ...given })
}
