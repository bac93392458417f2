import { createFairSlots } from '../../lib/concurrency/fair-slots.ts'

/** What names a job. */
export interface JobName {
  /** One job runs under it at a time. */
  key: string
  /** Jobs of one group come one after another; groups take turns. */
  group: string
}

/** What a running job may use. */
export interface JobContext {
  /** Aborted when the job is cancelled or the process shuts down. */
  readonly signal: AbortSignal
  /**
   * Runs `work` once one of the queue's slots is free and it is the turn of the job's group. A job
   * that only waits holds none.
   */
  slot: <T>(work: () => Promise<T>) => Promise<T>
}

export interface JobQueueOptions {
  /** How many slots all jobs share. */
  concurrency: number
  /** A job must settle its own failures; what escapes is a bug and ends here. */
  onError: (key: string, error: unknown) => void
}

/** The in-process map of running jobs. It knows nothing of what they do. */
export interface JobQueue {
  /** Starts a job under its key; false when one runs under it already or the queue is closed. */
  start: (name: JobName, run: (job: JobContext) => Promise<void>) => boolean
  has: (key: string) => boolean
  /** Aborts the job with `reason` and resolves when it has ended; at once when there is none. */
  abort: (key: string, reason: unknown) => Promise<void>
  /** Resolves when the job under `key` has ended; at once when there is none. */
  ended: (key: string) => Promise<void>
  /** Takes no more jobs, aborts the running ones with `reason`, resolves when all have ended. */
  close: (reason: unknown) => Promise<void>
  /** Takes jobs again. */
  reopen: () => void
  /** The stage of every job, by its key. */
  stages: () => ReadonlyMap<string, JobStage>
}

/**
 * `idle`: waits for something that takes no slot; `queued`: for a slot; `working`: has one. A job may
 * have several at once.
 */
export type JobStage = 'idle' | 'queued' | 'working'

export function createJobQueue({ concurrency, onError }: JobQueueOptions): JobQueue {
  const slots = createFairSlots(concurrency)
  const jobs = new Map<string, { abort: AbortController; ended: Promise<void> }>()
  const stages = new Map<string, JobStage>()
  /** Of jobs that do several things at once. */
  const uses = new Map<string, { queued: number; working: number }>()
  let closed = false

  async function inSlot<T>(
    { key, group }: JobName,
    signal: AbortSignal,
    work: () => Promise<T>,
  ): Promise<T> {
    const use = uses.get(key) ?? { queued: 0, working: 0 }
    uses.set(key, use)
    const note = (): void => {
      stages.set(key, use.working > 0 ? 'working' : use.queued > 0 ? 'queued' : 'idle')
    }
    use.queued++
    note()
    try {
      const release = await slots.acquire(group, signal).finally(() => use.queued--)
      use.working++
      note()
      return await work().finally(() => {
        use.working--
        release()
      })
    } finally {
      note()
    }
  }

  async function settle(key: string, running: Promise<void>): Promise<void> {
    try {
      await running
    } catch (error) {
      onError(key, error)
    } finally {
      jobs.delete(key)
      stages.delete(key)
      uses.delete(key)
    }
  }

  async function abort(key: string, reason: unknown): Promise<void> {
    const job = jobs.get(key)
    job?.abort.abort(reason)
    await job?.ended
  }

  return {
    start: (name, run) => {
      const { key } = name
      if (closed || jobs.has(key)) return false
      const controller = new AbortController()
      const { signal } = controller
      // A microtask later, so that the job is in the map before its first line runs.
      const running = Promise.resolve().then(async () => {
        if (!signal.aborted) await run({ signal, slot: (work) => inSlot(name, signal, work) })
      })
      jobs.set(key, { abort: controller, ended: settle(key, running) })
      stages.set(key, 'idle')
      return true
    },
    has: (key) => jobs.has(key),
    abort,
    ended: async (key) => jobs.get(key)?.ended,
    close: async (reason) => {
      closed = true
      await Promise.all([...jobs.keys()].map((key) => abort(key, reason)))
    },
    reopen: () => {
      closed = false
    },
    stages: () => stages,
  }
}
