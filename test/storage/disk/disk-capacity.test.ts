import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createDiskCapacity } from '../../../src/storage/disk/disk-capacity.ts'
import { createDiskGate, type DiskGate } from '../../../src/storage/disk/disk-gate.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a disk that hangs is asked once, however many want to know', async () => {
  const run = vi.fn(() => new Promise<never>(() => {}))
  const gate: DiskGate = { ...createDiskGate(), run }
  const capacity = createDiskCapacity('nowhere', gate)

  for (let second = 0; second < 10; second++) {
    const asked = expect(capacity.space()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    await vi.advanceTimersByTimeAsync(3_000)
    await asked
  }

  expect(run).toHaveBeenCalledTimes(1)
})
