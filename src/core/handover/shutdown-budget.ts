/** How the time for a shutdown is shared out, in milliseconds. What is left is a reserve. */
export interface ShutdownBudget {
  /** For whole uploads and running downloads to reach their end. */
  endMs: number
  /** For the other jobs to note where they were. */
  noteMs: number
  /** For requests that run, once Telegram has been released. */
  requestsMs: number
}

export function shutdownBudget(graceMs: number): ShutdownBudget {
  return { endMs: graceMs / 2, noteMs: graceMs / 8, requestsMs: graceMs / 4 }
}
