import type { Counter } from 'prom-client'
import { residentBytes } from '../lib/process-limits.ts'
import type { Instruments } from './instruments.ts'
import { freeBytesOf, type Readings } from './readings.ts'

/** The same figures as JSON, for people and for older dashboards. */
export async function summarize(
  instruments: Instruments,
  { ledger, spool, spoolMaxBytes, circuits, windows, jobs, cache, held, now }: Readings,
): Promise<Record<string, unknown>> {
  const { running, waiting } = jobs()
  const { bytes: cacheBytes, hits, misses } = cache.stats
  return {
    ok: true,
    backend: 'fastify',
    uptime_seconds: Math.round(process.uptime()),
    active_sessions: await ledger.countInState('receiving'),
    sealed_uploads: await ledger.countInState('sealed'),
    jobs: { running, waiting },
    uploads: await byLabel(instruments.uploads, 'outcome'),
    uploads_by_road: await byLabel(instruments.uploads, 'road'),
    downloads: await byLabel(instruments.downloads, 'outcome'),
    downloads_by_road: await byLabel(instruments.downloads, 'road'),
    archives: await byLabel(instruments.archives, 'outcome'),
    bytes: await byLabel(instruments.bytes, 'direction'),
    transfer_failures: await byLabel(instruments.attempts, 'cause'),
    flood_wait_seconds: await total(instruments.floodSeconds),
    spool: {
      reserved_bytes: (await ledger.reservations()).reservedBytes,
      limit_bytes: spoolMaxBytes,
      free_bytes: await freeBytesOf(spool),
    },
    chunks_held: held.stats,
    volume_cleanups: (await ledger.volumeCleanups()).length,
    library: await ledger.libraryTotals(),
    open_shares: await ledger.openShares(now()),
    cache: { bytes: cacheBytes, hits, misses },
    circuits: Object.fromEntries(
      Object.entries(circuits()).map(([peer, { state }]) => [peer, state]),
    ),
    telegram_windows: windows(),
    memory_bytes: residentBytes(),
  }
}

async function byLabel(counter: Counter, label: string): Promise<Record<string, number>> {
  const sums: Record<string, number> = {}
  for (const { labels, value } of (await counter.get()).values) {
    const key = String(labels[label])
    sums[key] = (sums[key] ?? 0) + value
  }
  return sums
}

async function total(counter: Counter): Promise<number> {
  const { values } = await counter.get()
  return values.reduce((sum, { value }) => sum + value, 0)
}
