import { expect, test } from 'vitest'
import { createMetricsRegistry } from '../../src/metrics/metrics.ts'
import type { Readings } from '../../src/metrics/readings.ts'
import { spoolFailed } from '../../src/storage/disk/disk-error.ts'

test('a disk that does not say how full it is hides no other figure', async () => {
  const readings: Readings = {
    ledger: {
      reservations: async () => ({ reservedBytes: 7, unwrittenBytes: 7 }),
      countInState: async () => 0,
      openShares: async () => 0,
      volumeCleanups: async () => [],
      libraryTotals: async () => ({ libraries: 2, files: 30 }),
    },
    spool: { space: async () => Promise.reject(spoolFailed()) },
    spoolMaxBytes: 1000,
    circuits: () => ({}),
    windows: () => ({}),
    jobs: () => ({ all: 0, running: 0, waiting: 0 }),
    now: Date.now,
    cache: { stats: { bytes: 0, hits: 0, misses: 0 } },
    held: { stats: { requests: 3, bytes: 15 } },
  }
  const metrics = createMetricsRegistry().open(readings)

  const { body } = await metrics.text()
  const summary = await metrics.json()

  expect(body).toMatch(/^telestore_spool_reserved_bytes 7$/m)
  expect(body).not.toMatch(/^telestore_spool_free_bytes /m)
  expect(body).toMatch(/^telestore_chunks_held 3$/m)
  expect(body).toMatch(/^telestore_volume_cleanups 0$/m)
  expect(body).toMatch(/^telestore_chunks_held_bytes 15$/m)
  expect(body).toMatch(/^telestore_libraries 2$/m)
  expect(body).toMatch(/^telestore_library_files 30$/m)
  expect(summary).toMatchObject({
    library: { libraries: 2, files: 30 },
    chunks_held: { requests: 3, bytes: 15 },
    volume_cleanups: 0,
    spool: { reserved_bytes: 7, free_bytes: null },
  })
})
