import { expect, test, vi } from 'vitest'
import { createPreemptibleLock } from '../../../src/lib/concurrency/preemptible-lock.ts'

test('a waiting caller makes the lock ask its holder to unlock, and gets the key after that', async () => {
  const lock = createPreemptibleLock(60_000)
  const requestUnlock = vi.fn()
  const release = await lock.acquire('key', requestUnlock)
  expect([lock.isHeld('key'), lock.isHeld('other')]).toEqual([true, false])

  const next = lock.acquire('key', () => {})
  await vi.waitFor(() => expect(requestUnlock).toHaveBeenCalled())
  const settled = vi.fn()
  void next.then(settled)
  await Promise.resolve()
  expect(settled).not.toHaveBeenCalled()

  release?.()
  expect(await next).not.toBeNull()
})

test('each of several waiting callers gets the key, one at a time', async () => {
  const lock = createPreemptibleLock(60_000)
  let inside = 0
  let most = 0

  async function work(): Promise<void> {
    const { promise: asked, resolve } = Promise.withResolvers<void>()
    const release = await lock.acquire('key', resolve)
    most = Math.max(most, ++inside)
    await Promise.race([asked, new Promise(setImmediate)])
    inside--
    release?.()
  }
  await Promise.all(Array.from({ length: 20 }, work))

  expect(most).toBe(1)
})

test('a holder that does not unlock in time keeps the key, and the waiting caller gets null', async () => {
  const lock = createPreemptibleLock(20)
  await lock.acquire('key', () => {})

  expect(await lock.acquire('key', () => {})).toBeNull()
  expect(await lock.acquire('another key', () => {})).not.toBeNull()
})

test('a caller whose signal aborts stops waiting with the reason, and does not get the key later', async () => {
  const lock = createPreemptibleLock(60_000)
  const release = await lock.acquire('key', () => {})
  const controller = new AbortController()
  const reason = new Error('the client left')

  const waiting = lock.acquire('key', () => {}, controller.signal)
  controller.abort(reason)

  await expect(waiting).rejects.toBe(reason)
  release?.()
  expect(await lock.acquire('key', () => {})).not.toBeNull()
})

test('a second release does not take the key from the next holder', async () => {
  const lock = createPreemptibleLock(20)
  const release = await lock.acquire('key', () => {})
  release?.()
  await lock.acquire('key', () => {})

  release?.()

  expect(await lock.acquire('key', () => {})).toBeNull()
})

test('all holders can be asked to unlock', async () => {
  const lock = createPreemptibleLock(20)
  const holders = [vi.fn(), vi.fn()]
  await lock.acquire('one', () => holders[0]?.())
  await lock.acquire('two', () => holders[1]?.())

  lock.requestUnlockAll()

  for (const requestUnlock of holders) expect(requestUnlock).toHaveBeenCalledOnce()
})

test('a caller that does not wait gets a free key, and leaves a holder alone', async () => {
  const lock = createPreemptibleLock(60_000)
  const requestUnlock = vi.fn()
  const release = await lock.acquire('key', requestUnlock)

  expect(await lock.tryAcquire('key')).toBeNull()
  expect(requestUnlock).not.toHaveBeenCalled()
  release?.()
  expect(await lock.tryAcquire('key')).not.toBeNull()
  expect(lock.isHeld('key')).toBe(true)
})

test('who asks for an unlock hears when the holder has done so, at once where there is none, or after a time', async () => {
  const lock = createPreemptibleLock(20)
  const release = await lock.acquire('key', () => queueMicrotask(() => release?.()))
  await lock.acquire('stays', () => {})

  await lock.requestUnlock('nothing')
  await lock.requestUnlock('key')
  await lock.requestUnlock('stays')

  expect(['key', 'stays'].map(lock.isHeld)).toEqual([false, true])
})
