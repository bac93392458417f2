import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import type { CircuitStatus } from '../../core/ports/health.ts'
import type { Log } from '../../core/ports/log.ts'
import { shuttingDown } from '../../errors.ts'
import { backoff } from '../../lib/waiting/retry.ts'
import type { Fields } from '../ledger/tables/rows.ts'
import {
  databaseFailed,
  isLost,
  isTransient,
  isUnknownTransaction,
  LostConnectionError,
  toLedgerError,
} from './errors.ts'

export type Value = string | number | null | Uint8Array | readonly Value[]

/** One connection, or whichever is free: what asks it does not care. */
export interface Queries {
  all: (sql: string, values?: readonly Value[]) => Promise<Fields[]>
  /** The first row. */
  get: (sql: string, values?: readonly Value[]) => Promise<Fields | undefined>
  /** Resolves with how many rows were changed. */
  run: (sql: string, values?: readonly Value[]) => Promise<number>
}

/**
 * A PostgreSQL behind a pool of connections. What it is asked outside of a transaction may run
 * twice: where the answer was lost with its connection, it is asked again. So every such statement
 * leaves the same rows when it runs again.
 *
 * Calls reject with SPOOL_FAILED where it cannot be reached or does not take the work now, and
 * SPOOL_FULL where its disk is full.
 */
export interface PostgresDatabase extends Queries {
  /**
   * Runs `work` in one transaction: all of it is kept, or nothing when it throws. `work` is run
   * again where the database has given it up, so it does nothing but ask. It takes effect once: where
   * the answer to COMMIT was lost, the database is asked what has become of it.
   */
  transaction: <T>(work: (queries: Queries) => Promise<T>) => Promise<T>
  /** Runs `work`, which only reads, on the rows as they are at one moment. */
  snapshot: <T>(work: (queries: Queries) => Promise<T>) => Promise<T>
  readonly state: DatabaseState
  close: () => Promise<void>
}

export interface DatabaseState {
  /** Connections, and calls that wait for one. */
  readonly connections: { readonly busy: number; readonly idle: number; readonly waiting: number }
  /** Open while calls are refused at once, because the database has not been reached for long. */
  readonly circuit: CircuitStatus
}

export interface DatabaseOptions {
  /** A `postgresql:` address, TLS by its `sslmode` and `sslrootcert`. */
  url: string
  log: Log
  /** Connections at one time. */
  maxConnections?: number
  /** Milliseconds for which a call goes on trying while the database cannot be reached. */
  patienceMs?: number
  /** Milliseconds after which the database ends a statement. */
  statementMs?: number
  /** So much later than that a connection without an answer is taken for dead. */
  lateMs?: number
  /** Called with each statement that is sent. */
  onStatement?: ((sql: string) => void) | undefined
}

const CONNECT_MS = 3_000
const STATEMENT_MS = 10_000
const LATE_MS = 3_000
const PATIENCE_MS = 5_000
/** After so long without a call, one is to find out whether the database is back. */
const RETRY_MS = 5_000

/** The one of PostgreSQL's types whose text is not what is wanted: sizes and times are numbers. */
const BIGINT = 20

const SNAPSHOT = 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY'
/** With the transaction's id, by which its end can be asked for on another connection. */
const BEGIN = 'BEGIN; SELECT pg_current_xact_id()::text AS id'

/** Resolves when it has ended. */
const END_PROCESS = `SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity
  WHERE pid = $1 AND application_name = $2`
const END_MS = 5_000

export function openDatabase(options: DatabaseOptions): PostgresDatabase {
  const { url, log, maxConnections = 10, onStatement } = options
  const { patienceMs = PATIENCE_MS, statementMs = STATEMENT_MS, lateMs = LATE_MS } = options
  // Its own, so that a node ends no process but its own ones.
  const name = `telestore-worker ${randomUUID()}`
  const types = new pg.TypeOverrides()
  types.setTypeParser(BIGINT, Number)
  const pool = new pg.Pool({
    connectionString: url,
    types,
    max: maxConnections,
    application_name: name,
    connectionTimeoutMillis: CONNECT_MS,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    query_timeout: statementMs + lateMs,
    // Waits for locks count as well.
    statement_timeout: statementMs,
    idle_in_transaction_session_timeout: statementMs,
  })
  // A connection that breaks says so to what asks on it, and also by an event, which would end the
  // process where nothing listens.
  pool.on('connect', (client) => client.on('error', () => {}))
  pool.on('error', (error) => log.debug({ err: error }, 'an idle connection to the database broke'))
  let isClosed = false
  /** Since when every call has failed to reach the database; null: the last one has reached it. */
  let lostSince: number | null = null
  let failedAt = 0

  async function connect(): Promise<pg.PoolClient> {
    if (isClosed) throw shuttingDown()
    try {
      return await pool.connect()
    } catch (error) {
      throw error instanceof pg.DatabaseError ? error : new LostConnectionError(error)
    }
  }

  async function ask(client: pg.PoolClient, sql: string, values?: readonly Value[]) {
    onStatement?.(sql)
    try {
      return await client.query<Fields>(sql, values && [...values])
    } catch (error) {
      // What the server says has a code of its own; all else is the connection's end.
      if (error instanceof pg.DatabaseError) throw error
      const processId: unknown = Reflect.get(client, 'processID')
      throw new LostConnectionError(error, typeof processId === 'number' ? processId : null)
    }
  }

  /** Runs `work` on a connection, which is thrown away where it broke. */
  async function onConnection<T>(work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await connect()
    let broken = false
    try {
      return await work(client)
    } catch (error) {
      broken = isLost(error)
      throw error
    } finally {
      client.release(broken)
    }
  }

  /**
   * Runs `work` again for as long as the database cannot be reached, or has given it up for another
   * one's sake. Where it has been gone for long, callers are told so at once.
   */
  async function persist<T>(work: () => Promise<T>): Promise<T> {
    const begun = performance.now()
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await work()
        lostSince = null
        return result
      } catch (error) {
        const now = performance.now()
        if (isLost(error)) {
          lostSince ??= now
          failedAt = now
        }
        const over = now - begun >= patienceMs || (isLost(error) && isGone(now))
        if (isClosed || over || !(isLost(error) || isTransient(error))) throw toLedgerError(error)
        await sleep(backoff(attempt, { baseMs: 50, capMs: 500 }))
      }
    }
  }

  function isGone(now: number): boolean {
    return lostSince !== null && now - lostSince > patienceMs
  }

  /** Half-open after a while without a call, so that one is let through. */
  function circuit(): CircuitStatus {
    const now = performance.now()
    if (!isGone(now)) return { state: 'closed', retryAfter: 0 }
    const leftMs = failedAt + RETRY_MS - now
    if (leftMs <= 0) return { state: 'half-open', retryAfter: 0 }
    return { state: 'open', retryAfter: Math.ceil(leftMs / 1000) }
  }

  /**
   * Asks outside of a transaction. Where the answer was lost, the statement may still be at work, or
   * wait for a lock, and take effect after later ones: it is ended before it is sent again.
   */
  function askAgain(sql: string, values?: readonly Value[]): Promise<pg.QueryResult<Fields>> {
    const left = new Set<number>()
    return persist(() =>
      onConnection(async (client) => {
        for (const processId of left) {
          await ask(client, END_PROCESS, [processId, name, END_MS])
          left.delete(processId)
        }
        try {
          return await ask(client, sql, values)
        } catch (error) {
          if (error instanceof LostConnectionError && error.processId !== null) {
            left.add(error.processId)
          }
          throw error
        }
      }),
    )
  }

  const queriesOf = (
    query: (sql: string, values?: readonly Value[]) => Promise<pg.QueryResult<Fields>>,
  ): Queries => ({
    all: async (...asked) => (await query(...asked)).rows,
    get: async (...asked) => (await query(...asked)).rows[0],
    run: async (...asked) => (await query(...asked)).rowCount ?? 0,
  })

  async function transact<T>(work: (queries: Queries) => Promise<T>): Promise<T> {
    return onConnection(async (client) => {
      const id = idIn(await ask(client, BEGIN))
      const result = await orRollback(client, () =>
        work(queriesOf((...asked) => ask(client, ...asked))),
      )
      try {
        const { command } = await ask(client, 'COMMIT')
        if (command !== 'COMMIT') throw new Error('a transaction went on after an error')
      } catch (error) {
        if (!isLost(error) || !(await wasCommitted(id))) throw error
      }
      return result
    })
  }

  async function orRollback<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      if (!isLost(error)) await ask(client, 'ROLLBACK')
      throw error
    }
  }

  /** Asks until the database knows: it may not have noticed the end of the connection yet. */
  async function wasCommitted(id: string): Promise<boolean> {
    const until = performance.now() + patienceMs
    for (let attempt = 1; ; attempt++) {
      const status = await statusOf(id).catch((error: unknown) => {
        // Another machine has taken over, and has never had it.
        if (isUnknownTransaction(error)) return 'aborted'
        if (!isLost(error) && !isTransient(error)) throw error
        return null
      })
      if (status === 'committed') return true
      if (status === 'aborted') return false
      // It may have been kept: to run it again could do it twice.
      if (isClosed || performance.now() > until) throw databaseFailed()
      await sleep(backoff(attempt, { baseMs: 50, capMs: 500 }))
    }
  }

  async function statusOf(id: string): Promise<unknown> {
    const sql = 'SELECT pg_xact_status($1::xid8) AS status'
    return onConnection(async (client) => (await ask(client, sql, [id])).rows[0]?.status)
  }

  return {
    ...queriesOf(askAgain),
    transaction: (work) => persist(() => transact(work)),
    snapshot: (work) =>
      persist(() =>
        onConnection(async (client) => {
          await ask(client, SNAPSHOT)
          const result = await orRollback(client, () =>
            work(queriesOf((...asked) => ask(client, ...asked))),
          )
          await ask(client, 'COMMIT')
          return result
        }),
      ),
    get state() {
      const { totalCount, idleCount, waitingCount } = pool
      const connections = {
        busy: totalCount - idleCount,
        idle: idleCount,
        waiting: waitingCount,
      }
      return { connections, circuit: circuit() }
    },
    close: async () => {
      if (isClosed) return
      isClosed = true
      await pool.end()
    },
  }
}

/** Several statements in one message have several results. */
function idIn(results: unknown): string {
  const last: unknown = Array.isArray(results) ? results.at(-1) : results
  const id: unknown = Reflect.get(Reflect.get(Object(last), 'rows')[0], 'id')
  if (typeof id !== 'string') throw new Error('the database gave no id for a transaction')
  return id
}
