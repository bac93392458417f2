import { AppError } from '../../errors.ts'
import type { KeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { LeaseName, Leases } from '../ports/cluster/leases.ts'
import type { Log } from '../ports/log.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import { exclusively } from './exclusively.ts'

/** How often it is looked whether another node has given a name up, in milliseconds, more or less. */
const LOOK_EVERY_MS = 200
/** What holds a lock for longer than this waits for Telegram. */
const LOCK_MS = 60_000

export interface Turn {
  name: LeaseName
  signal?: AbortSignal
  /** Milliseconds to wait for another node; then it rejects with BUSY. */
  timeoutMs?: number
}

/**
 * Runs work while no other node runs work under the same name. Its signal aborts with LEASE_LOST when
 * another node may have begun, and so does the signal of the turn.
 */
export type InTurn = <T>(turn: Turn, work: (signal: AbortSignal) => Promise<T>) => Promise<T>

export function takeTurns(leases: Pick<Leases, 'acquire' | 'release'>): InTurn {
  return async ({ name, signal, timeoutMs = Number.POSITIVE_INFINITY }, work) => {
    const startedAt = performance.now()
    for (;;) {
      signal?.throwIfAborted()
      const taken = await exclusively(leases, name, (lost) =>
        work(signal ? AbortSignal.any([signal, lost]) : lost),
      )
      if (taken.kind === 'done') return taken.result
      if (performance.now() - startedAt > timeoutMs) throw isBusy()
      await sleep(LOOK_EVERY_MS * (0.5 + Math.random()), signal)
    }
  }
}

/** Mutual exclusion by key among all nodes. */
export function createClusterLock(local: KeyedLock, inTurn: InTurn): KeyedLock {
  return {
    isHeld: local.isHeld,
    run: (key, work) =>
      local.run(key, () => inTurn({ name: `lock:${key}`, timeoutMs: LOCK_MS }, work)),
  }
}

export interface LeasedJobsOptions {
  queue: Pick<JobQueue, 'start' | 'ended'>
  leases: Pick<Leases, 'acquire' | 'release'>
  /** Whether there is still something to do: another node may have done it since it was read. */
  isOpen: (key: string) => Promise<boolean>
  log: Log
}

/**
 * A queue whose jobs run at one node at a time, each under a lease of its key. Where another node has a
 * job, it is over here at once; a node that dies leaves its jobs to those that start them again.
 */
export function createLeasedJobs(options: LeasedJobsOptions): Pick<JobQueue, 'start' | 'ended'> {
  const { queue, leases, isOpen, log } = options

  return {
    ended: queue.ended,
    start: (job, run) =>
      queue.start(job, async (context) => {
        let runs = false
        try {
          await exclusively(leases, `job:${job.key}`, async (lost) => {
            const signal = AbortSignal.any([context.signal, lost])
            if (!(await isOpen(job.key)) || signal.aborted) return
            runs = true
            await run({ ...context, signal })
          })
        } catch (err) {
          if (runs) throw err
          log.debug({ job: job.key, err }, 'a job is looked at again in a moment')
        }
      }),
  }
}

function isBusy(): AppError {
  const sentence = 'Another request changes this; try again in a moment'
  return new AppError('BUSY', sentence, { retryAfter: 2 })
}
