import { expect, test, vi } from 'vitest'
import { createSemaphore } from '../../../src/lib/concurrency/semaphore.ts'

test('a weight that fits is let in at once, and one that does not fit waits', async () => {
  const semaphore = createSemaphore(10)
  const first = await semaphore.acquire(6)
  const entered = vi.fn()

  const second = semaphore.acquire(5)
  void second.then(entered)
  await settle()
  expect(entered).not.toHaveBeenCalled()
  expect(semaphore).toMatchObject({ limit: 10, held: 6, waiting: 1 })

  first()
  const release = await second
  expect(semaphore).toMatchObject({ held: 5, waiting: 0 })
  release()
  expect(semaphore.held).toBe(0)
})

test('a second release changes nothing', async () => {
  const semaphore = createSemaphore(10)
  const release = await semaphore.acquire(4)
  await semaphore.acquire(4)

  release()
  release()

  expect(semaphore.held).toBe(4)
})

test('small weights do not overtake a large one that waits', async () => {
  const semaphore = createSemaphore(10)
  const release = await semaphore.acquire(8)
  const order: string[] = []

  void semaphore.acquire(10).then((done) => {
    order.push('large')
    done()
  })
  const small = semaphore.acquire(1).then(() => order.push('small'))
  expect(semaphore.tryAcquire(1)).toBeNull()
  release()
  await small

  expect(order).toEqual(['large', 'small'])
})

test('a weight above the limit is let in alone', async () => {
  const semaphore = createSemaphore(10)
  const release = await semaphore.acquire(1)
  const large = semaphore.acquire(100)
  await settle()
  expect(semaphore.held).toBe(1)

  release()
  const releaseLarge = await large
  expect(semaphore.held).toBe(100)
  expect(semaphore.tryAcquire(1)).toBeNull()
  releaseLarge()
  expect(semaphore.tryAcquire(1)).not.toBeNull()
})

test('a waiter that is aborted leaves the queue, and those behind it are let in', async () => {
  const semaphore = createSemaphore(10)
  await semaphore.acquire(5)
  const controller = new AbortController()
  const large = semaphore.acquire(10, controller.signal)
  const small = semaphore.acquire(5)
  const reason = new Error('cancelled')

  controller.abort(reason)

  await expect(large).rejects.toBe(reason)
  await small
  expect(semaphore).toMatchObject({ held: 10, waiting: 0 })
})

test('an abort after the grant takes nothing back', async () => {
  const semaphore = createSemaphore(1)
  const controller = new AbortController()
  const before = await semaphore.acquire(1)
  const waiting = semaphore.acquire(1, controller.signal)
  const behind = semaphore.acquire(1)

  before()
  controller.abort()

  const release = await waiting
  expect(semaphore).toMatchObject({ held: 1, waiting: 1 })
  release()
  await behind
})

test('a signal that aborted before is refused even where its weight fits', async () => {
  const semaphore = createSemaphore(10)
  const reason = new Error('too late')

  await expect(semaphore.acquire(1, AbortSignal.abort(reason))).rejects.toBe(reason)

  expect(semaphore).toMatchObject({ held: 0, waiting: 0 })
})

test('a higher limit lets waiters in, and a lower one takes nothing that is held', async () => {
  const semaphore = createSemaphore(1)
  const first = await semaphore.acquire(1)
  const second = semaphore.acquire(1)

  semaphore.setLimit(2)
  await second
  semaphore.setLimit(1)
  expect(semaphore).toMatchObject({ limit: 1, held: 2 })

  const third = semaphore.acquire(1)
  first()
  await settle()
  expect(semaphore).toMatchObject({ held: 1, waiting: 1 })
  ;(await second)()
  await third
  expect(semaphore).toMatchObject({ held: 1, waiting: 0 })
})

test('a crowd never holds more than the limit, and all of it is served', async () => {
  const semaphore = createSemaphore(7)
  let highest = 0

  await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const release = await semaphore.acquire((index % 7) + 1)
      highest = Math.max(highest, semaphore.held)
      await Promise.resolve()
      release()
    }),
  )

  expect(highest).toBe(7)
  expect(semaphore).toMatchObject({ held: 0, waiting: 0 })
})

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
