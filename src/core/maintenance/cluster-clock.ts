import type { WorkerClock } from './worker-clock.ts'

export interface ClusterClockOptions {
  /** The database's clock, which all nodes share: epoch milliseconds. */
  databaseTime: () => Promise<number>
  /** Milliseconds that only ever go forward. */
  elapsed?: () => number
}

/**
 * The time of a cluster, for all that has an age or a due date: the database's. Between two looks at it
 * time goes by what has really passed here. It never goes back: where the database's clock was set back,
 * it stands still until that has come after it.
 */
export async function openClusterClock(options: ClusterClockOptions): Promise<WorkerClock> {
  const { databaseTime, elapsed = () => performance.now() } = options
  let ahead = Number.NEGATIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY

  async function look(): Promise<void> {
    const asked = elapsed()
    const time = await databaseTime()
    // As if the answer had been made half way.
    ahead = time - (asked + elapsed()) / 2
  }

  await look()
  return {
    now: () => {
      latest = Math.max(latest, Math.floor(elapsed() + ahead))
      return latest
    },
    keep: look,
  }
}
