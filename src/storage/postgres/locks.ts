import type { Queries } from './database.ts'

/**
 * Locks by name, until the transaction ends: for what a transaction decides by rows that another one
 * may be adding. The next statement sees what the one before has written. Numbers are any, the same at
 * all nodes.
 */
const OPENINGS = 1
const CANCELLATIONS = 2
const LIBRARY_JOBS = 3
const SHARES = 4

/** Of uploads: what is reserved by all of them together. */
export function lockOpenings(queries: Queries): Promise<unknown> {
  return queries.run('SELECT pg_advisory_xact_lock($1, 0)', [OPENINGS])
}

/** Of cancelled uploads: how many are remembered. */
export function lockCancellations(queries: Queries): Promise<unknown> {
  return queries.run('SELECT pg_advisory_xact_lock($1, 0)', [CANCELLATIONS])
}

/** Of one owner's library jobs: how many are unfinished. */
export function lockLibraryJobs(queries: Queries, owner: string): Promise<unknown> {
  return queries.run('SELECT pg_advisory_xact_lock($1, hashtext($2))', [LIBRARY_JOBS, owner])
}

/** Of one holder's shares: how many are open, and the login behind them. */
export function lockShares(queries: Queries, holder: string): Promise<unknown> {
  return queries.run('SELECT pg_advisory_xact_lock($1, hashtext($2))', [SHARES, holder])
}
