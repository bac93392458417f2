import { randomUUID } from 'node:crypto'
import { isFenced, type Moment } from '../../../core/model/cluster/self-fence.ts'
import type {
  AcquiredLease,
  Lease,
  LeaseName,
  Leases,
  NodeAddress,
} from '../../../core/ports/cluster/leases.ts'
import type { Log } from '../../../core/ports/log.ts'
import { leaseLost, shuttingDown } from '../../../errors.ts'
import { integer, text, textOrNull } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

/** From a renewal on, by the database's clock. */
const LASTS_S = 15
/** So much later another node may take it. */
const GRACE_S = 5
const RENEW_EVERY_MS = 3_000
/** The same after a renewal that failed. */
const AGAIN_MS = 500
const LOOK_EVERY_MS = 500
/** Names that nobody has had for so long are forgotten, with their epochs. */
const KEPT_S = 3_600
const FORGET_EVERY_MS = 600_000

export interface LeasesOptions {
  /** Connections of their own: who has an account is not asked behind the ledger's work. */
  database: Pick<PostgresDatabase, 'get' | 'all' | 'run'>
  /** A connection for renewals alone: they wait for nothing. */
  renewals?: Pick<PostgresDatabase, 'all'>
  self: NodeAddress
  log: Log
  readMoment?: () => Moment
}

interface Held {
  readonly lease: Lease
  readonly lost: AbortController
  /** Before its last renewal was sent. */
  renewed: Moment
}

const LASTS = `clock_timestamp() + interval '${LASTS_S} seconds'`
const LEFT = `clock_timestamp() - interval '${GRACE_S} seconds'`
/** What has this node's own incarnation was taken by a statement whose answer was lost. */
const ACQUIRE = `
  WITH before AS (SELECT 1 FROM leases WHERE name = $1 AND until IS NOT NULL AND incarnation <> $3)
  INSERT INTO leases AS held (name, holder, incarnation, epoch, until) VALUES ($1, $2, $3, 1, ${LASTS})
  ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, incarnation = excluded.incarnation,
    epoch = held.epoch + 1, until = ${LASTS}, taken_at = clock_timestamp()
  WHERE held.until IS NULL OR held.incarnation = excluded.incarnation OR held.until < ${LEFT}
  RETURNING epoch, EXISTS (SELECT 1 FROM before) AS is_taken_over`
/** One that would last for longer than any lease was written before the database's clock was set back. */
const HOLDER = `
  WITH shortened AS (
    UPDATE leases SET until = ${LASTS}
    WHERE name = $1 AND until > ${LASTS} + interval '1 second')
  SELECT holder FROM leases WHERE name = $1 AND until >= ${LEFT}`
/** A renewal revives nothing: what is past its end is lost. A row without a name: another node is here. */
const RENEW = `
  WITH twin AS (
    SELECT 1 FROM nodes WHERE address = $1 AND incarnation <> $2
      AND seen_at > clock_timestamp() - interval '${LASTS_S} seconds'),
  seen AS (
    INSERT INTO nodes (address, incarnation, seen_at) VALUES ($1, $2, clock_timestamp())
    ON CONFLICT (address) DO UPDATE SET incarnation = excluded.incarnation, seen_at = excluded.seen_at),
  renewed AS (
    UPDATE leases SET until = ${LASTS}
    FROM unnest($3::text[], $4::bigint[]) AS mine (name, epoch)
    WHERE leases.name = mine.name AND leases.epoch = mine.epoch AND incarnation = $2
      AND until > clock_timestamp()
    RETURNING leases.name)
  SELECT name FROM renewed UNION ALL SELECT NULL FROM twin`
const RELEASE = 'UPDATE leases SET until = NULL WHERE name = $1 AND incarnation = $2 AND epoch = $3'
const RELEASE_ALL = `
  WITH gone AS (DELETE FROM nodes WHERE incarnation = $1)
  UPDATE leases SET until = NULL WHERE incarnation = $1 AND until IS NOT NULL`
const NODES = `
  SELECT address FROM nodes
  WHERE seen_at > clock_timestamp() - interval '${LASTS_S} seconds' ORDER BY address`
const FORGET = `
  WITH gone AS (
    DELETE FROM nodes WHERE seen_at < clock_timestamp() - interval '${KEPT_S} seconds')
  DELETE FROM leases
  WHERE coalesce(until, taken_at) < clock_timestamp() - interval '${KEPT_S} seconds'`

/**
 * Leases in PostgreSQL. Its clock alone says when one ends; when this node has to give its own ones up
 * says core/model/cluster/self-fence.ts. Resolves when the node is known to the others; rejects with
 * SPOOL_FAILED where the database cannot be reached.
 */
export async function openLeases(options: LeasesOptions): Promise<Leases> {
  const { database, renewals = database, self, log, readMoment: now = presentMoment } = options
  /** One process: another one at the same address is another holder. */
  const incarnation = randomUUID()
  const held = new Map<LeaseName, Held>()
  const acquiring = new Map<LeaseName, Promise<AcquiredLease>>()
  let isClosed = false
  let renewal: NodeJS.Timeout | undefined
  let renewing: Promise<void> = Promise.resolve()
  let forgottenAt = Number.NEGATIVE_INFINITY
  /** How often another process was seen at this address. */
  let twins = 0

  function lose(name: LeaseName, lost: Held): void {
    if (held.get(name) === lost) held.delete(name)
    if (lost.lost.signal.aborted) return
    lost.lost.abort(leaseLost())
    log.warn({ lease: name, epoch: lost.lease.epoch }, 'a lease is lost')
  }

  /** Without it a node that is cut off would hear of nothing. */
  function look(): void {
    const moment = now()
    for (const [name, one] of held) if (isFenced(one.renewed, moment)) lose(name, one)
  }

  function hold(name: LeaseName, epoch: number, renewed: Moment): Lease {
    const lost = new AbortController()
    const lease: Lease = {
      name,
      epoch,
      lost: lost.signal,
      assertHeld: () => {
        if (isFenced(one.renewed, now())) lose(name, one)
        lost.signal.throwIfAborted()
        if (held.get(name) !== one) throw leaseLost()
      },
    }
    const one: Held = { lease, lost, renewed }
    held.set(name, one)
    return lease
  }

  async function take(name: LeaseName): Promise<AcquiredLease> {
    for (;;) {
      const renewed = now()
      const row = await database.get(ACQUIRE, [name, self, incarnation])
      if (row) {
        const epoch = integer(row, 'epoch')
        const isTakenOver = row.is_taken_over === true
        if (!isClosed) return { kind: 'held', lease: hold(name, epoch, renewed), isTakenOver }
        await database.run(RELEASE, [name, incarnation, epoch])
      }
      if (isClosed) throw shuttingDown()
      const holder = row ? undefined : await database.get(HOLDER, [name])
      // Its holder has given it up meanwhile.
      if (holder) return { kind: 'elsewhere', holder: text(holder, 'holder') }
    }
  }

  async function renew(): Promise<void> {
    const renewed = now()
    const mine = [...held]
    const rows = await renewals.all(RENEW, [
      self,
      incarnation,
      mine.map(([name]) => name),
      mine.map(([, { lease }]) => lease.epoch),
    ])
    const kept = new Set(rows.map((row) => textOrNull(row, 'name')))
    // The first one may be a process that has ended here.
    if (kept.has(null) && ++twins === 2) {
      log.error({ node: self }, 'another node has the same CLUSTER_NODE_URL: each needs its own')
    }
    for (const [name, one] of mine) {
      if (kept.has(name)) one.renewed = renewed
      // One that was given up while the statement was on its way is no loss.
      else if (held.get(name) === one) lose(name, one)
    }
    if (renewed.monotonic - forgottenAt < FORGET_EVERY_MS) return
    forgottenAt = renewed.monotonic
    await database.run(FORGET)
  }

  async function keepRenewing(): Promise<void> {
    let next = RENEW_EVERY_MS
    try {
      await renew()
    } catch (error) {
      next = AGAIN_MS
      log.warn({ err: error }, 'leases cannot be renewed')
    }
    if (isClosed) return
    renewal = setTimeout(() => {
      renewing = keepRenewing()
    }, next)
    renewal.unref()
  }

  await renew()
  const looking = setInterval(look, LOOK_EVERY_MS).unref()
  renewal = setTimeout(() => {
    renewing = keepRenewing()
  }, RENEW_EVERY_MS)
  renewal.unref()

  return {
    self,
    acquire: async (name) => {
      if (isClosed) throw shuttingDown()
      const one = held.get(name)
      if (one && isFenced(one.renewed, now())) lose(name, one)
      else if (one) return { kind: 'held', lease: one.lease }
      const taking = acquiring.get(name) ?? take(name).finally(() => acquiring.delete(name))
      acquiring.set(name, taking)
      return taking
    },
    holderOf: async (name) => {
      if (held.has(name)) return self
      const row = await database.get(HOLDER, [name])
      return row ? text(row, 'holder') : null
    },
    release: async (name) => {
      const one = held.get(name)
      if (!one) return
      held.delete(name)
      await database.run(RELEASE, [name, incarnation, one.lease.epoch])
    },
    nodes: async () => (await database.all(NODES)).map((row) => text(row, 'address')),
    close: async () => {
      if (isClosed) return
      isClosed = true
      clearTimeout(renewal)
      clearInterval(looking)
      const left = [...held.values()]
      held.clear()
      for (const { lost } of left) lost.abort(shuttingDown())
      await Promise.allSettled([renewing, ...acquiring.values()])
      clearTimeout(renewal)
      await database.run(RELEASE_ALL, [incarnation])
    },
  }
}

function presentMoment(): Moment {
  return { wall: Date.now(), monotonic: performance.now() }
}
