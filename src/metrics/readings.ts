import type { Registry } from 'prom-client'
import type { CircuitStatus } from '../core/ports/health.ts'
import type { Ledger } from '../core/ports/ledger.ts'
import type { Spool } from '../core/ports/spool.ts'
import type { JobCounts } from '../core/progress/job-counts.ts'
import { counter, gauge, gauges } from './instruments.ts'

/** What is read when somebody asks. */
export interface Readings {
  ledger: Pick<Ledger, 'reservations' | 'countInState'>
  spool: Pick<Spool, 'space'>
  spoolMaxBytes: number
  circuits: () => Record<string, CircuitStatus>
  /** Requests in flight that a data centre is trusted with, by its name. */
  windows: () => Record<string, number>
  jobs: () => JobCounts
  cache: { readonly stats: { bytes: number; hits: number; misses: number } }
}

/** In Prometheus a worse state is a higher number. */
const CIRCUIT_VALUES = { closed: 0, 'half-open': 1, open: 2 } as const

export function addReadings(registry: Registry, readings: Readings): void {
  const { ledger, spool, jobs, cache, circuits, windows } = readings
  const add = (name: string, help: string, read: () => number | Promise<number | null>): void =>
    gauge(registry, `telestore_${name}`, help, read)

  add('uploads_receiving', 'Uploads whose chunks still come', () =>
    ledger.countInState('receiving'),
  )
  add('uploads_sealed', 'Uploads that are whole and on their way to Telegram', () =>
    ledger.countInState('sealed'),
  )
  add('jobs', 'Jobs that run, wait, or have no bytes to send yet', () => jobs().all)
  add('jobs_running', 'Jobs that work at this moment', () => jobs().running)
  add(
    'jobs_waiting',
    'Jobs that wait for a free slot, or because Telegram has asked for it',
    () => jobs().waiting,
  )
  add('spool_reserved_bytes', 'What unfinished uploads were promised', async () => {
    const { reservedBytes } = await ledger.reservations()
    return reservedBytes
  })
  add('spool_limit_bytes', 'What may be promised in all', () => readings.spoolMaxBytes)
  add('spool_free_bytes', 'What the disk has left', () => freeBytesOf(spool))
  add('cache_bytes', 'Memory for blocks that several readers share', () => cache.stats.bytes)
  counter(registry, {
    name: 'telestore_cache_hits_total',
    help: 'Units of 128 KB that were there',
    read: () => cache.stats.hits,
  })
  counter(registry, {
    name: 'telestore_cache_misses_total',
    help: 'Units of 128 KB that Telegram was asked for',
    read: () => cache.stats.misses,
  })
  gauges(registry, {
    name: 'telestore_circuit_state',
    help: 'Circuit breakers: 0 closed, 1 half-open, 2 open',
    label: 'peer',
    read: () => valuesOf(circuits()),
  })
  gauges(registry, {
    name: 'telestore_telegram_window',
    help: 'Requests in flight that a data centre is trusted with now',
    label: 'dc',
    read: windows,
  })
}

/** Null where the disk does not say: when it hangs the other figures are wanted most. */
export async function freeBytesOf(spool: Readings['spool']): Promise<number | null> {
  return spool.space().then(
    ({ freeBytes }) => freeBytes,
    () => null,
  )
}

function valuesOf(circuits: Record<string, CircuitStatus>): Record<string, number> {
  const states = Object.entries(circuits)
  return Object.fromEntries(states.map(([peer, { state }]) => [peer, CIRCUIT_VALUES[state]]))
}
