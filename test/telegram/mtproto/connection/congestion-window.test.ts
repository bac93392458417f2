import { expect, test, vi } from 'vitest'
import {
  createGovernor,
  DEFAULT_GOVERNOR,
} from '../../../../src/telegram/mtproto/connection/congestion-window.ts'

const signal = new AbortController().signal
const METHOD = 'upload.SaveFilePart'
const limits = { start: 4, max: 16, perConnection: 4, maxConnections: 4 }

test('no more are let in than the window holds, first come first served', async () => {
  const governor = createGovernor(limits)
  const admitted = await Promise.all([1, 2, 3, 4].map(() => governor.enter(METHOD, signal)))
  const order: string[] = []
  const waiting = ['a', 'b', 'c'].map((name) =>
    governor.enter(METHOD, signal).then((admission) => {
      order.push(name)
      return admission
    }),
  )

  for (const admission of admitted) admission.leave()
  await Promise.all(waiting)

  expect(order).toEqual(['a', 'b', 'c'])
})

test('the window and the connections grow while answers come, up to the limit', async () => {
  const governor = createGovernor(limits)
  expect(governor.connections).toBe(1)

  for (let answers = 0; answers < 60; answers++) await succeed(governor)

  expect(governor.window).toBe(16)
  expect(governor.connections).toBe(4)
})

test('a silence halves the window, once for all that went out together', async () => {
  let now = 1000
  const governor = createGovernor({ ...limits, start: 16 }, () => now)
  const together = await Promise.all([1, 2, 3].map(() => governor.enter(METHOD, signal)))
  now += 10

  for (const admission of together) {
    governor.failed(admission, 'timeout')
    admission.leave()
  }
  expect(governor.window).toBe(8)

  now += 10
  const later = await governor.enter(METHOD, signal)
  governor.failed(later, 'timeout')
  expect(governor.window).toBe(4)
})

test('after a setback the window grows by one in each round', async () => {
  let now = 1000
  const governor = createGovernor({ ...limits, start: 16 }, () => now)
  const lost = await governor.enter(METHOD, signal)
  now += 10
  governor.failed(lost, 'timeout')
  lost.leave()

  now += 10
  for (let answers = 0; answers < 8; answers++) await succeed(governor)
  expect(governor.window).toBe(8)
  for (let answers = 0; answers < 2; answers++) await succeed(governor)

  expect(governor.window).toBe(9)
})

test('a wait that is longer than somebody sits out is told, and holds nobody', async () => {
  const governor = createGovernor(limits)
  governor.flooded(await governor.enter(METHOD, signal), 90)
  const waits: number[] = []
  const onWait = (seconds: number) => void waits.push(seconds)

  const entered = governor.enter(METHOD, signal, { onWait, longestMs: 60_000 })

  await expect(entered).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 90 })
  expect(waits).toEqual([90])
})

test('a wait shuts the gate for everybody, to the second, and is told', async () => {
  vi.useFakeTimers()
  try {
    const governor = createGovernor(limits)
    const flooded = await governor.enter(METHOD, signal)
    governor.flooded(flooded, 3)
    flooded.leave()
    const waits: number[] = []
    let admitted = 0
    for (const _ of [1, 2]) {
      void governor.enter(METHOD, signal, { onWait: (seconds) => waits.push(seconds) }).then(() => {
        admitted++
      })
    }

    await vi.advanceTimersByTimeAsync(2999)
    expect([admitted, waits]).toEqual([0, [3, 3]])
    await vi.advanceTimersByTimeAsync(2)

    expect(admitted).toBe(2)
    expect(governor.window).toBe(2)
  } finally {
    vi.useRealTimers()
  }
})

test('an ordinary call takes no place, but waits when Telegram asks to', async () => {
  vi.useFakeTimers()
  try {
    const governor = createGovernor({ ...limits, start: 1 })
    const bulk = await governor.enter(METHOD, signal)
    await governor.pass(METHOD, signal)
    governor.flooded(bulk, 2)
    let passed = false
    void governor.pass(METHOD, signal).then(() => {
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
  const governor = createGovernor(limits)
  governor.flooded(await governor.pass('messages.SendMedia', signal), 25_000)

  const post = governor.pass('messages.SendMedia', signal, { longestMs: 60_000 })

  await expect(post).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 25_000 })
  expect(await governor.enter('upload.GetFile', signal)).toMatchObject({ method: 'upload.GetFile' })
})

test('a wait at the entrance is for every method, and a shorter one does not end it', async () => {
  const governor = createGovernor(limits)
  const flooded = await governor.enter('upload.GetFile', signal)
  governor.flooded(flooded, 90, 'every')
  governor.flooded(flooded, 3, 'every')

  for (const method of ['upload.GetFile', 'messages.SendMedia']) {
    const entered = governor.pass(method, signal, { longestMs: 60_000 })
    await expect(entered, method).rejects.toMatchObject({ retryAfter: 90 })
  }
})

test('a wait can be left', async () => {
  const governor = createGovernor(limits)
  governor.flooded(await governor.enter(METHOD, signal), 1000)
  const leaver = new AbortController()
  const waiting = governor.enter(METHOD, leaver.signal)

  leaver.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
})

test('with one connection the window stays small', async () => {
  const governor = createGovernor(DEFAULT_GOVERNOR)
  governor.setAddresses('one')

  for (let answers = 0; answers < 100; answers++) await succeed(governor)

  expect([governor.window, governor.connections]).toEqual([4, 1])
})

async function succeed(governor: ReturnType<typeof createGovernor>): Promise<void> {
  const admission = await governor.enter(METHOD, signal)
  governor.succeeded(admission)
  admission.leave()
}
