import { expect, test, vi } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createSpoolProbe } from '../../../src/storage/disk/spool-probe.ts'

test('a disk that hangs is asked once, whoever asks is told, and it is ready when it moves', async () => {
  const disk = createDisk()
  const hanging = Promise.withResolvers<void>()
  disk.check.mockReturnValueOnce(hanging.promise)
  const probe = createSpoolProbe({ spool: disk, slowMs: 20, freshMs: 0 })

  for (let asked = 0; asked < 20; asked++) {
    expect(await probe()).toMatchObject({ ready: false, reason: 'The disk is slow' })
  }
  expect(disk.check).toHaveBeenCalledTimes(1)
  hanging.resolve()

  await vi.waitFor(async () => expect(await probe()).toEqual({ ready: true }))
})

test('one look answers all who ask within its time', async () => {
  const disk = createDisk()
  const probe = createSpoolProbe({ spool: disk, freshMs: 60_000 })

  await Promise.all([probe(), probe(), probe()])
  await probe()

  expect(disk.check).toHaveBeenCalledTimes(1)
})

test('a write that took too long is not ready, also when nobody waited for it', async () => {
  const disk = createDisk()
  disk.check.mockImplementation(() => new Promise((resolve) => setTimeout(resolve, 60)))
  const probe = createSpoolProbe({ spool: disk, slowMs: 20, freshMs: 60_000 })

  await probe()
  await vi.waitFor(() => expect(disk.check.mock.settledResults[0]?.type).toBe('fulfilled'))

  expect(await probe()).toMatchObject({ ready: false, reason: 'The disk is slow' })
})

test.each([
  [64 * MiB - 1, 4096 * MiB, false],
  [64 * MiB, 4096 * MiB, true],
  // A 16th of a small disk.
  [4 * MiB - 1, 64 * MiB, false],
  [4 * MiB, 64 * MiB, true],
  [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, true],
])('with %i bytes left of %i it is ready: %s', async (freeBytes, totalBytes, ready) => {
  const probe = createSpoolProbe({ spool: createDisk({ freeBytes, totalBytes }) })

  const status = await probe()

  expect(status.ready).toBe(ready)
  if (!ready) expect(status).toMatchObject({ reason: 'The disk is almost full', retryAfter: 60 })
})

test('a disk that fails says why and when to come again', async () => {
  const disk = createDisk()
  disk.check.mockRejectedValue(new AppError('SPOOL_FAILED', 'It is broken', { retryAfter: 7 }))

  const status = await createSpoolProbe({ spool: disk })()

  expect(status).toEqual({ ready: false, reason: 'It is broken', retryAfter: 7 })
})

function createDisk(space = { freeBytes: 1024 * MiB, totalBytes: 4096 * MiB }) {
  return { space: async () => space, check: vi.fn(async (): Promise<void> => {}) }
}
