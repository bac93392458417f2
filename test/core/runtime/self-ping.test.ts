import { createServer } from 'node:http'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createKeepAwake } from '../../../src/core/runtime/self-ping.ts'
import { createWakeCall } from '../../../src/deployment/wake-call.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

describe('while time passes', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('the public address is called while a job runs, and only then', async () => {
    let busy = false
    let calls = 0
    const call = async (): Promise<void> => void calls++
    const awake = createKeepAwake({ busy: async () => busy, call, log: createRecordingLog() })
    awake.start()

    await vi.advanceTimersByTimeAsync(3_600_000)
    const idle = calls
    busy = true
    await vi.advanceTimersByTimeAsync(3_600_000)
    const working = calls
    awake.stop()
    await vi.advanceTimersByTimeAsync(3_600_000)

    expect(idle).toBe(0)
    // Often enough for a host that waits a quarter of an hour.
    expect(working).toBeGreaterThanOrEqual(4)
    expect(calls).toBe(working)
  })

  test('an address that does not answer is told in the log, and asked again', async () => {
    const log = createRecordingLog()
    let calls = 0
    const call = async (): Promise<void> => {
      calls++
      throw new Error('refused')
    }
    const awake = createKeepAwake({ busy: async () => true, call, everyMs: 10, log })
    awake.start()

    await vi.advanceTimersByTimeAsync(25)
    awake.stop()

    expect(calls).toBe(2)
    expect(log.entries.map((entry) => entry.message)).toContain(
      'the public address does not answer',
    )
  })
})

test('a call is a request to the public address, whatever it answers', async () => {
  const paths: (string | undefined)[] = []
  const server = createServer((request, response) => {
    paths.push(request.url)
    response.writeHead(503).end('busy')
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await vi.waitFor(() => expect(server.listening).toBe(true))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no address')

  await createWakeCall(`http://127.0.0.1:${address.port}`)(new AbortController().signal)

  expect(paths).toEqual(['/healthz'])
})
