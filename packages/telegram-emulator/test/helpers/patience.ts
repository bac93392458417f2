import { vi } from 'vitest'

/** A wait ends with its condition; on a busy machine that may take longer than Vitest's second. */
const TIMEOUT_MS = 60_000

const { waitFor } = vi

vi.waitFor = (callback, options = {}) => {
  const given = typeof options === 'number' ? { timeout: options } : options
  return waitFor(callback, { timeout: TIMEOUT_MS, ...given })
}
