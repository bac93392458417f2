import { expect, test, vi } from 'vitest'
import { createKeyedLock } from '../../../src/lib/concurrency/keyed-lock.ts'

test('works under one key run one after another, in the order they came', async () => {
  const lock = createKeyedLock()
  const steps: string[] = []
  const work = (name: string) => async () => {
    steps.push(`${name} begins`)
    await Promise.resolve()
    steps.push(`${name} ends`)
    return name
  }

  const results = await Promise.all(['a', 'b', 'c'].map((name) => lock.run('key', work(name))))

  expect(results).toEqual(['a', 'b', 'c'])
  const order = ['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']
  expect(steps).toEqual(order)
})

test('works under different keys do not wait for each other', async () => {
  const lock = createKeyedLock()
  const gate = Promise.withResolvers<void>()
  const slow = lock.run('a', () => gate.promise)

  expect(await lock.run('b', async () => 'free')).toBe('free')

  gate.resolve()
  await slow
})

test('a work that fails, or throws before its promise, lets the next one in', async () => {
  const lock = createKeyedLock()
  const broken = new Error('broken')

  const failing = lock.run('key', () => Promise.reject(broken))
  const throwing = lock.run('key', () => {
    throw broken
  })
  const next = lock.run('key', async () => 'next')

  await expect(failing).rejects.toBe(broken)
  await expect(throwing).rejects.toBe(broken)
  expect(await next).toBe('next')
})

test('a work that comes while the last one ends still waits for it', async () => {
  const lock = createKeyedLock()
  const running = vi.fn()
  let together = 0
  const work = async (): Promise<void> => {
    running(++together)
    await Promise.resolve()
    together--
  }

  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      for (let turn = 0; turn < index; turn++) await Promise.resolve()
      await lock.run('key', work)
    }),
  )

  expect(running).toHaveBeenCalledTimes(50)
  expect(new Set(running.mock.calls.flat())).toEqual(new Set([1]))
})
