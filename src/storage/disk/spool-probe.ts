import type { DependencyStatus, Probe } from '../../core/ports/health.ts'
import type { Spool } from '../../core/ports/spool.ts'
import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'
import { withTimeout } from '../../lib/waiting/with-timeout.ts'

/** With less room than this the worker is not ready; of a small disk a 16th. */
const LEAST_FREE_BYTES = 64 * MiB
/** Longest time in milliseconds in which a small file must be written. */
const SLOW_MS = 2_000
/** How long an answer is good for: frequent questions cost no more than rare ones. */
const FRESH_MS = 1_000

export interface SpoolProbeOptions {
  spool: Pick<Spool, 'check' | 'space'>
  slowMs?: number
  freshMs?: number
}

/**
 * Says whether the spool's disk has room and takes a small file in time. One look at a time: on a
 * disk that hangs nothing piles up, and later questions are answered at once after the first has waited.
 */
export function createSpoolProbe(options: SpoolProbeOptions): Probe {
  const { spool, slowMs = SLOW_MS, freshMs = FRESH_MS } = options
  const slow: DependencyStatus = { ready: false, reason: 'The disk is slow', retryAfter: 5 }
  let running: { status: Promise<DependencyStatus>; since: number } | null = null
  let last: { status: DependencyStatus; until: number } | null = null

  async function look(since: number): Promise<DependencyStatus> {
    const status = await check(spool)
    const tookLong = status.ready && performance.now() - since > slowMs
    last = { status: tookLong ? slow : status, until: performance.now() + freshMs }
    running = null
    return last.status
  }

  return async () => {
    if (last && performance.now() < last.until) return last.status
    if (!running) {
      const since = performance.now()
      running = { since, status: look(since) }
    }
    const { since, status } = running
    const ms = Math.max(0, since + slowMs - performance.now())
    return withTimeout(status, { ms, onTimeout: () => slow })
  }
}

async function check(spool: SpoolProbeOptions['spool']): Promise<DependencyStatus> {
  try {
    const { freeBytes, totalBytes } = await spool.space()
    if (freeBytes < Math.min(LEAST_FREE_BYTES, totalBytes / 16)) {
      return { ready: false, reason: 'The disk is almost full', retryAfter: 60 }
    }
    await spool.check()
    return { ready: true }
  } catch (error) {
    const known = error instanceof AppError ? error : null
    const reason = known?.message ?? 'The disk cannot be asked'
    return { ready: false, reason, retryAfter: known?.retryAfter ?? 10 }
  }
}
