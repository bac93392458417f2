import { expect, test, vi } from 'vitest'
import {
  createCongestionWindow,
  DEFAULT_CONGESTION_LIMITS,
} from '../../../../src/telegram/mtproto/connection/congestion-window.ts'

const signal = new AbortController().signal
const METHOD = 'upload.SaveFilePart'
const limits = { start: 4, max: 16, perConnection: 4, maxConnections: 4 }

test('no more are let in than the window holds, first come first served', async () => {
  const congestion = createCongestionWindow(limits)
  const admitted = await Promise.all([1, 2, 3, 4].map(() => congestion.acquire(METHOD, signal)))
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map((name) =>
    congestion.acquire(METHOD, signal).then((permit) => {
      order.push(name)
      return permit
    }),
  )

  for (const permit of admitted) permit.release()
  await Promise.all(waiting)

  expect(order).toEqual(['a', 'b', 'c'])
})

test('the window and the connections grow while answers come, up to the limit', async () => {
  const congestion = createCongestionWindow(limits)
  expect(congestion.connections).toBe(1)

  for (let answers = 0; answers < 60; answers++) await succeed(congestion)

  expect(congestion.window).toBe(16)
  expect(congestion.connections).toBe(4)
})

test('a silence halves the window, once for all that went out together', async () => {
  let now = 1000
  const congestion = createCongestionWindow({ ...limits, start: 16 }, () => now)
  const together = await Promise.all([1, 2, 3].map(() => congestion.acquire(METHOD, signal)))
  now += 10

  for (const permit of together) {
    congestion.failed(permit, 'timeout')
    permit.release()
  }
  expect(congestion.window).toBe(8)

  now += 10
  const later = await congestion.acquire(METHOD, signal)
  congestion.failed(later, 'timeout')
  expect(congestion.window).toBe(4)
})

test('after a setback the window grows by one in each round', async () => {
  let now = 1000
  const congestion = createCongestionWindow({ ...limits, start: 16 }, () => now)
  const lost = await congestion.acquire(METHOD, signal)
  now += 10
  congestion.failed(lost, 'timeout')
  lost.release()

  now += 10
  for (let answers = 0; answers < 8; answers++) await succeed(congestion)
  expect(congestion.window).toBe(8)
  for (let answers = 0; answers < 2; answers++) await succeed(congestion)

  expect(congestion.window).toBe(9)
})

test('a wait that is longer than the caller allows rejects at once', async () => {
  const congestion = createCongestionWindow(limits)
  congestion.flooded(await congestion.acquire(METHOD, signal), 90)
  const waits: number[] = []
  const onWait = (seconds: number) => void waits.push(seconds)

  const entered = congestion.acquire(METHOD, signal, { onWait, longestMs: 60_000 })

  await expect(entered).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 90 })
  expect(waits).toEqual([90])
})

test('a wait shuts the gate for everybody, to the second, and is told', async () => {
  vi.useFakeTimers()
  try {
    const congestion = createCongestionWindow(limits)
    const flooded = await congestion.acquire(METHOD, signal)
    congestion.flooded(flooded, 3)
    flooded.release()
    const waits: number[] = []
    let admitted = 0
    for (const _ of [1, 2]) {
      void congestion
        .acquire(METHOD, signal, { onWait: (seconds) => waits.push(seconds) })
        .then(() => {
          admitted++
        })
    }

    await vi.advanceTimersByTimeAsync(2999)
    expect([admitted, waits]).toEqual([0, [3, 3]])
    await vi.advanceTimersByTimeAsync(2)

    expect(admitted).toBe(2)
    expect(congestion.window).toBe(2)
  } finally {
    vi.useRealTimers()
  }
})

test('an ordinary call takes no place, but waits when Telegram asks to', async () => {
  vi.useFakeTimers()
  try {
    const congestion = createCongestionWindow({ ...limits, start: 1 })
    const bulk = await congestion.acquire(METHOD, signal)
    await congestion.acquireUnlimited(METHOD, signal)
    congestion.flooded(bulk, 2)
    let passed = false
    void congestion.acquireUnlimited(METHOD, signal).then(() => {
      passed = true
    })

    await vi.advanceTimersByTimeAsync(1999)
    expect(passed).toBe(false)
    await vi.advanceTimersByTimeAsync(2)

    expect(passed).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('a wait is for its method: what asks for something else goes on', async () => {
  const congestion = createCongestionWindow(limits)
  congestion.flooded(await congestion.acquireUnlimited('messages.SendMedia', signal), 25_000)

  const post = congestion.acquireUnlimited('messages.SendMedia', signal, { longestMs: 60_000 })

  await expect(post).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 25_000 })
  expect(await congestion.acquire('upload.GetFile', signal)).toMatchObject({
    method: 'upload.GetFile',
  })
})

test('a wait that came before any call is for every method, and a shorter one does not end it', async () => {
  const congestion = createCongestionWindow(limits)
  const flooded = await congestion.acquire('upload.GetFile', signal)
  congestion.flooded(flooded, 90, 'every')
  congestion.flooded(flooded, 3, 'every')

  for (const method of ['upload.GetFile', 'messages.SendMedia']) {
    const entered = congestion.acquireUnlimited(method, signal, { longestMs: 60_000 })
    await expect(entered, method).rejects.toMatchObject({ retryAfter: 90 })
  }
})

test('a wait can be left', async () => {
  const congestion = createCongestionWindow(limits)
  congestion.flooded(await congestion.acquire(METHOD, signal), 1000)
  const leaver = new AbortController()
  const waiting = congestion.acquire(METHOD, leaver.signal)

  leaver.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
})

test('with one connection the window stays small', async () => {
  const congestion = createCongestionWindow(DEFAULT_CONGESTION_LIMITS)
  congestion.setAddresses('one')

  for (let answers = 0; answers < 100; answers++) await succeed(congestion)

  expect([congestion.window, congestion.connections]).toEqual([4, 1])
})

async function succeed(congestion: ReturnType<typeof createCongestionWindow>): Promise<void> {
  const permit = await congestion.acquire(METHOD, signal)
  congestion.succeeded(permit)
  permit.release()
}
