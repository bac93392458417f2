import { expect, test } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { createFile, createRequest, startGatewayAt, userOf } from './setup.ts'
import { startTelegramProcess } from './telegram-process.ts'

test('memory does not grow with the files: four uploads at once', {
  timeout: 120_000,
}, async () => {
  const telegram = await startTelegramProcess()
  const { gateway } = startGatewayAt(telegram, { partBufferBytes: 8 * MiB })
  const upload = (size: number, seed: number): Promise<unknown> =>
    gateway.finish(createRequest(userOf(telegram.account), createFile(size, { seed })))
  await upload(12 * MiB, 0)
  const before = process.memoryUsage().arrayBuffers
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage().arrayBuffers - before)
  }, 20)

  await Promise.all([1, 2, 3, 4].map((seed) => upload(48 * MiB, seed)))

  clearInterval(watch)
  // The window, packets on their way, and what waits for the garbage collector.
  expect(peak).toBeLessThan(100 * MiB)
})
