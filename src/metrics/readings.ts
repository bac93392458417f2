import type { Registry } from 'prom-client'
import type { Catalogue } from '../core/ports/catalogue.ts'
import type { CircuitStatus } from '../core/ports/health.ts'
import type { Ledger } from '../core/ports/ledger.ts'
import type { Spool } from '../core/ports/spool.ts'
import type { JobCounts } from '../core/progress/job-counts.ts'
import { counter, gauge, gauges } from './instruments.ts'

/** What is read when the figures are asked for. */
export interface Readings {
  ledger: Pick<Ledger, 'reservations' | 'countInState' | 'openShares' | 'volumeCleanups'> &
    Pick<Catalogue, 'libraryTotals'>
  spool: Pick<Spool, 'space'>
  spoolMaxBytes: number
  circuits: () => Record<string, CircuitStatus>
  /** Requests in flight that a data centre is trusted with, by its name. */
  windows: () => Record<string, number>
  jobs: () => JobCounts
  /** The worker's time. */
  now: () => number
  cache: { readonly stats: { bytes: number; hits: number; misses: number } }
  /** Requests whose chunks are too far ahead of what Telegram has of their files. */
  held: { readonly stats: { requests: number; bytes: number } }
}

/** In Prometheus a worse state is a higher number. */
const CIRCUIT_VALUES = { closed: 0, 'half-open': 1, open: 2 } as const

export function addReadings(registry: Registry, readings: Readings): void {
  const { ledger, spool, jobs, cache, held, circuits, windows } = readings

  gauge(registry, {
    name: 'telestore_uploads_receiving',
    help: 'Uploads that still receive chunks',
    read: () => ledger.countInState('receiving'),
  })
  gauge(registry, {
    name: 'telestore_uploads_sealed',
    help: 'Uploads that are whole and on their way to Telegram',
    read: () => ledger.countInState('sealed'),
  })
  gauge(registry, {
    name: 'telestore_jobs',
    help: 'Jobs that run, wait, or have no bytes to send yet',
    read: () => jobs().all,
  })
  gauge(registry, {
    name: 'telestore_jobs_running',
    help: 'Jobs that work at this moment',
    read: () => jobs().running,
  })
  gauge(registry, {
    name: 'telestore_jobs_waiting',
    help: 'Jobs that wait for a free slot, or because Telegram has asked for it',
    read: () => jobs().waiting,
  })
  gauge(registry, {
    name: 'telestore_spool_reserved_bytes',
    help: 'Bytes of the spool that unfinished uploads have reserved',
    read: async () => (await ledger.reservations()).reservedBytes,
  })
  gauge(registry, {
    name: 'telestore_chunks_held',
    help: 'Requests whose chunk waits until Telegram has more of its file',
    read: () => held.stats.requests,
  })
  gauge(registry, {
    name: 'telestore_chunks_held_bytes',
    help: 'Bytes of these chunks, on the disk',
    read: () => held.stats.bytes,
  })
  gauge(registry, {
    name: 'telestore_volume_cleanups',
    help: 'Uploads that have ended, whose volumes are still to be deleted in their channels',
    read: async () => (await ledger.volumeCleanups()).length,
  })
  gauge(registry, {
    name: 'telestore_spool_limit_bytes',
    help: 'Bytes of the spool that all uploads together may reserve',
    read: () => readings.spoolMaxBytes,
  })
  gauge(registry, {
    name: 'telestore_spool_free_bytes',
    help: "Free bytes on the spool's disk",
    read: () => freeBytesOf(spool),
  })
  gauge(registry, {
    name: 'telestore_libraries',
    help: 'Libraries that the ledger has rows of, one for each user and channel',
    read: async () => (await ledger.libraryTotals()).libraries,
  })
  gauge(registry, {
    name: 'telestore_library_files',
    help: 'Files in all libraries',
    read: async () => (await ledger.libraryTotals()).files,
  })
  gauge(registry, {
    name: 'telestore_shares_open',
    help: 'Shares that have not ended',
    read: () => ledger.openShares(readings.now()),
  })
  gauge(registry, {
    name: 'telestore_cache_bytes',
    help: 'Bytes of memory in the block cache',
    read: () => cache.stats.bytes,
  })
  counter(registry, {
    name: 'telestore_cache_hits_total',
    help: 'Units of 128 KB that were found in the block cache',
    read: () => cache.stats.hits,
  })
  counter(registry, {
    name: 'telestore_cache_misses_total',
    help: 'Units of 128 KB that were not in the block cache, and were asked of Telegram',
    read: () => cache.stats.misses,
  })
  gauges(registry, {
    name: 'telestore_circuit_state',
    help: 'State of the circuit breaker before each peer: 0 closed, 1 half-open, 2 open',
    label: 'peer',
    read: () => valuesOf(circuits()),
  })
  gauges(registry, {
    name: 'telestore_telegram_window',
    help: 'Requests that may be in flight to each data centre',
    label: 'dc',
    read: windows,
  })
}

/** Resolves with null where the disk does not say: when it hangs, the other figures are needed most. */
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
