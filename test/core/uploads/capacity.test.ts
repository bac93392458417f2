import { expect, test } from 'vitest'
import type { DiskSpace } from '../../../src/core/ports/spool.ts'
import { createCapacity } from '../../../src/core/uploads/capacity.ts'
import { MiB } from '../../../src/lib/units.ts'

const GB = 1024 * MiB

test('what was promised and has not come yet is not promised again', async () => {
  const { room, promise } = createTestRoom({ freeBytes: 1000 * MiB, totalBytes: 100 * GB })
  promise(500 * MiB)

  const lacking = await room.look()

  // 128 MB are for bytes taken on credit.
  expect(lacking(372 * MiB, 0)).toBe(0)
  expect(lacking(372 * MiB + 1, 0)).toBe(1)
  expect(lacking(377 * MiB, 5 * MiB)).toBe(0)
})

test('of two that look at one moment only one gets the last room', async () => {
  const { room, promise } = createTestRoom({ freeBytes: 500 * MiB, totalBytes: 100 * GB })

  const ends = await Promise.all(
    [1, 2].map(async () => {
      const lacking = await room.look()
      const bytes = lacking(300 * MiB, 0)
      promise(300 * MiB)
      return bytes
    }),
  )

  // 500 MB, less what was promised and the share for credit.
  expect(ends).toEqual([0, 228 * MiB])
})

test('a disk that does not say how full it is leaves the operator’s own limit', async () => {
  const unknown = Number.POSITIVE_INFINITY
  const { room } = createTestRoom({ freeBytes: unknown, totalBytes: unknown })

  const lacking = await room.look()

  expect(lacking(4 * GB, 0)).toBe(0)
  expect(lacking(4 * GB + 1, 0)).toBe(1)
  expect(await room.unclaimedBytes()).toBe(unknown)
})

test('on credit goes what nobody was promised, and never less than the share for it', async () => {
  const roomy = createTestRoom({ freeBytes: 10 * GB, totalBytes: 100 * GB })
  roomy.promise(4 * GB)
  const tight = createTestRoom({ freeBytes: 10 * MiB, totalBytes: 64 * MiB })
  tight.promise(10 * MiB)

  expect(await roomy.room.unclaimedBytes()).toBe(6 * GB)
  expect(await tight.room.unclaimedBytes()).toBe(8 * MiB)
})

function createTestRoom(space: DiskSpace) {
  let promised = 0
  const ledger = {
    reservedBytes: () => promised,
    unwrittenBytes: () => promised,
  }
  const room = createCapacity({
    ledger,
    spool: { space: async () => space },
    spoolMaxBytes: 4 * GB,
  })
  function promise(bytes: number): void {
    promised += bytes
  }
  return { room, promise }
}
