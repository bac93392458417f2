import { expect, test } from 'vitest'
import type { DiskSpace, Spool } from '../../../src/core/ports/spool.ts'
import { createCapacity } from '../../../src/core/uploads/capacity.ts'
import { MiB } from '../../../src/lib/units.ts'

const GB = 1024 * MiB

test('what was promised and has not come yet is not promised again', async () => {
  const { capacity, promise } = createTestCapacity({ freeBytes: 1000 * MiB, totalBytes: 100 * GB })
  promise(500 * MiB)

  // 128 MB are for bytes that no upload was promised.
  expect(await capacity.available(5 * MiB)).toEqual({
    limitBytes: 4 * GB,
    freeBytes: 872 * MiB,
    presentBytes: 5 * MiB,
  })
  expect(await capacity.fits(372 * MiB)).toBe(true)
  expect(await capacity.fits(372 * MiB + 1)).toBe(false)
})

test('a disk that does not say how full it is leaves the operator’s own limit', async () => {
  const unknown = Number.POSITIVE_INFINITY
  const { capacity } = createTestCapacity({ freeBytes: unknown, totalBytes: unknown })

  expect(await capacity.fits(4 * GB)).toBe(true)
  expect(await capacity.fits(4 * GB + 1)).toBe(false)
  expect(await capacity.unclaimedBytes()).toBe(unknown)
})

test('on credit goes what nobody was promised, and never less than the share for it', async () => {
  const roomy = createTestCapacity({ freeBytes: 10 * GB, totalBytes: 100 * GB })
  roomy.promise(4 * GB)
  const tight = createTestCapacity({ freeBytes: 10 * MiB, totalBytes: 64 * MiB })
  tight.promise(10 * MiB)

  expect(await roomy.capacity.unclaimedBytes()).toBe(6 * GB)
  expect(await tight.capacity.unclaimedBytes()).toBe(8 * MiB)
})

test('where chunks are elsewhere, on credit goes what the disk has that takes them first', async () => {
  const unknown = Number.POSITIVE_INFINITY
  const incoming = { freeBytes: 3 * GB, totalBytes: 10 * GB }
  const { capacity, promise } = createTestCapacity(
    { freeBytes: unknown, totalBytes: unknown },
    { incomingSpace: async () => incoming },
  )
  promise(4 * GB)

  expect(await capacity.unclaimedBytes()).toBe(3 * GB)
  expect(await capacity.freeBytes()).toBe(3 * GB)
  expect(await capacity.available(0)).toMatchObject({ freeBytes: unknown })
})

function createTestCapacity(space: DiskSpace, more: Pick<Spool, 'incomingSpace'> = {}) {
  let promised = 0
  const ledger = {
    reservations: async () => ({ reservedBytes: promised, unwrittenBytes: promised }),
  }
  const capacity = createCapacity({
    ledger,
    spool: { space: async () => space, ...more },
    spoolMaxBytes: 4 * GB,
  })
  function promise(bytes: number): void {
    promised += bytes
  }
  return { capacity, promise }
}
