import { Worker } from 'node:worker_threads'
import type { Log } from '../../core/ports/log.ts'

/** About as many pages as SQLite lets gather in its log by itself: 4 MB. */
const WRITES_BETWEEN = 250

/** In `dist` the file beside this one is JavaScript. */
const THREAD = new URL(import.meta.url.replace(/checkpointer\.(\w+)$/, 'checkpoint-thread.$1'))

export interface Checkpointer {
  /** Counts a write, and begins to move the log when it is long. */
  noteWrite: () => void
  /** Moves the log into the database file; a call while one runs shares it. Never rejects. */
  run: () => Promise<void>
  close: () => void
}

/**
 * Moves SQLite's log into its file in a thread of its own. It is the one thing the ledger does
 * that waits for the disk itself, for as long as a slow one needs; the event loop does not.
 */
export function createCheckpointer(path: string, log: Log): Checkpointer {
  let writes = 0
  let running: Promise<void> | null = null
  let thread: Worker | null = null

  function run(): Promise<void> {
    running ??= inThread().finally(() => {
      running = null
      thread = null
    })
    return running
  }

  function inThread(): Promise<void> {
    writes = 0
    return new Promise<void>((resolve, reject) => {
      // Throws where the system gives no more threads.
      thread = new Worker(THREAD, { workerData: path, stdout: true, stderr: true })
      thread.on('error', reject)
      thread.on('exit', () => resolve())
    }).catch((error: unknown) => {
      log.warn({ err: error }, 'the log of the ledger could not be moved')
    })
  }

  return {
    noteWrite: () => {
      if (++writes >= WRITES_BETWEEN && !running) void run()
    },
    run,
    // A checkpoint that is cut off is harmless: the log stays.
    close: () => void thread?.terminate(),
  }
}

/** For a ledger in memory, which has no log. */
export const NO_CHECKPOINTER: Checkpointer = {
  noteWrite: () => {},
  run: async () => {},
  close: () => {},
}
