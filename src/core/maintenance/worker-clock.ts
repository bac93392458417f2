import type { ClockRecords, Forgiven } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'

export interface WorkerClockOptions {
  ledger: ClockRecords
  /** How long an upload may be without progress, and how long its result is kept: milliseconds. */
  lifetimes: { receiving: number; finished: number }
  log: Log
  /** The machine's clock, which people and time servers set: epoch milliseconds. */
  wall?: () => number
  /** Milliseconds that only ever go forward. */
  elapsed?: () => number
}

/** The worker's own time, for all that has an age or a due date in the ledger. */
export interface WorkerClock {
  /** Epoch milliseconds; never goes back, also over a restart. */
  now: () => number
  /** Keeps a reading for the next start. */
  keep: () => Promise<void>
}

/**
 * A clock may be set forwards or backwards at any moment, and nothing may expire, or live for ever,
 * because of it. While the process runs its time goes by what has really passed. Over a restart a
 * jump looks like an absence: a clock that was set back counts as no time at all, one that is ahead
 * as an absence, and an absence takes at most half of what an upload has to live. So a sender always
 * finds the rest of its time, and an upload that its sender has left is gone after two starts.
 */
export async function openWorkerClock(options: WorkerClockOptions): Promise<WorkerClock> {
  const { ledger, lifetimes, log, wall = Date.now, elapsed = () => performance.now() } = options
  const last = await ledger.lastReading()
  const wallAtStart = wall()
  const away = last ? Math.max(0, wallAtStart - last.wallTime) : 0
  const startedAt = last ? Math.max(last.workerTime + away, wallAtStart) : wallAtStart
  const elapsedAtStart = elapsed()
  const now = (): number => Math.floor(startedAt + elapsed() - elapsedAtStart)
  const keep = (forgiven?: Forgiven): Promise<void> =>
    ledger.keepReading({ workerTime: now(), wallTime: wall() }, forgiven)

  let forgiven: Forgiven = { receiving: 0, finished: 0 }
  if (last) {
    const absence = startedAt - last.workerTime
    const beyond = (lifetime: number): number => Math.max(0, Math.floor(absence - lifetime / 2))
    forgiven = {
      receiving: beyond(lifetimes.receiving),
      finished: beyond(lifetimes.finished),
    }
    if (forgiven.receiving > 0 || forgiven.finished > 0) {
      log.info(
        { absenceMs: absence },
        'away for long, or the clock was set: uploads keep half their time',
      )
    }
    if (wallAtStart < last.wallTime) {
      log.warn(
        { backMs: last.wallTime - wallAtStart },
        'the clock was set back since the last start',
      )
    }
  }
  // In one step: a start that is cut off here forgives the same absence once, and not twice.
  await keep(forgiven)
  return { now, keep: () => keep() }
}
