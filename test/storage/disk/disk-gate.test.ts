import { expect, test, vi } from 'vitest'
import { createDiskGate } from '../../../src/storage/disk/disk-gate.ts'

test('three calls are on their way to the disk, the fourth waits', async () => {
  const gate = createDiskGate()
  const disk = Promise.withResolvers<void>()
  const call = vi.fn(() => disk.promise)

  const all = Array.from({ length: 10 }, () => gate.run(call))
  await Promise.resolve()
  await new Promise(setImmediate)

  expect(call).toHaveBeenCalledTimes(3)
  disk.resolve()
  await Promise.all(all)
  expect(call).toHaveBeenCalledTimes(10)
})

test('a call that hangs is noticed until it ends, and one that fails makes room', async () => {
  const gate = createDiskGate(10)
  const disk = Promise.withResolvers<void>()
  expect(gate.stalled()).toBe(false)

  const hanging = gate.run(() => disk.promise)
  await vi.waitFor(() => expect(gate.stalled()).toBe(true))
  disk.reject(new Error('at last'))

  await expect(hanging).rejects.toThrow('at last')
  expect(gate.stalled()).toBe(false)
})

test('a process that was late itself does not take its disk for hanging', async () => {
  const gate = createDiskGate(20)
  const disk = Promise.withResolvers<void>()
  const call = gate.run(() => disk.promise)
  await new Promise(setImmediate)

  // No turn of the process for five times as long.
  for (const end = performance.now() + 100; performance.now() < end; );
  await new Promise(setImmediate)

  expect(gate.stalled()).toBe(false)
  disk.resolve()
  await call
})

test('who waits for a disk that hangs can leave', async () => {
  const gate = createDiskGate()
  const disk = Promise.withResolvers<void>()
  const hanging = [1, 2, 3].map(() => gate.run(() => disk.promise))
  const client = new AbortController()
  const call = vi.fn(async () => {})

  const waiting = gate.run(call, client.signal)
  client.abort(new Error('the client left'))

  await expect(waiting).rejects.toThrow('the client left')
  disk.resolve()
  await Promise.all(hanging)
  expect(call).not.toHaveBeenCalled()
})
