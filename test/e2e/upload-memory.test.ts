import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { createFile, createRequest, startGatewayAt, userOf } from '../telegram/mtproto/setup.ts'
import { startTelegramProcess } from '../telegram/mtproto/telegram-process.ts'

// With `gc` the test decides when unused memory is collected.
setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('memory does not grow with the files: four uploads at once', async () => {
  const telegram = await startTelegramProcess()
  const { gateway } = startGatewayAt(telegram, { partBufferBytes: 8 * MiB })
  const upload = (size: number, seed: number): Promise<unknown> =>
    gateway.finish(createRequest(userOf(telegram.account), createFile(size, { seed })))
  const heldBytes = (): number => {
    collectGarbage()
    return process.memoryUsage().arrayBuffers
  }
  await upload(12 * MiB, 0)
  const before = heldBytes()
  let peak = 0
  const watch = setInterval(() => {
    peak = Math.max(peak, heldBytes() - before)
  }, 100)

  await Promise.all([1, 2, 3, 4].map((seed) => upload(32 * MiB, seed)))

  clearInterval(watch)
  // The window, and packets on their way.
  expect(peak).toBeLessThan(64 * MiB)
})
