import { getEventListeners } from 'node:events'
import { expect, test, vi } from 'vitest'
import { abortable, onAbort, untilAborted } from '../../../src/lib/waiting/abortable.ts'

const left = new Error('left')

test('the promise settles as `start` says, and the preparations are undone once', async () => {
  const { signal } = new AbortController()
  const undo = vi.fn()

  const value = abortable(signal, (resolve) => {
    queueMicrotask(() => {
      resolve('first')
      resolve('second')
    })
    return undo
  })
  const failure = abortable(signal, (_resolve, reject) => {
    queueMicrotask(() => reject(left))
    return undo
  })

  expect(await value).toBe('first')
  await expect(failure).rejects.toBe(left)
  expect(undo).toHaveBeenCalledTimes(2)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a promise that is settled by `start` itself has its preparations undone', async () => {
  const { signal } = new AbortController()
  const undo = vi.fn()

  const value = abortable(signal, (resolve) => {
    resolve('at once')
    return undo
  })

  expect(await value).toBe('at once')
  expect(undo).toHaveBeenCalledTimes(1)
  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('an abort rejects with its reason and undoes the preparations', async () => {
  const controller = new AbortController()
  const undo = vi.fn()
  let settle = (_value: string): void => {}
  const value = abortable<string>(controller.signal, (resolve) => {
    settle = resolve
    return undo
  })

  controller.abort(left)
  settle('too late')

  await expect(value).rejects.toBe(left)
  expect(undo).toHaveBeenCalledTimes(1)
})

test('an abort during `start` rejects with its reason', async () => {
  const controller = new AbortController()
  const undo = vi.fn()

  const value = abortable(controller.signal, () => {
    controller.abort(left)
    return undo
  })

  await expect(value).rejects.toBe(left)
  expect(undo).toHaveBeenCalledTimes(1)
})

test('after an abort `start` is not called', async () => {
  const start = vi.fn(() => () => {})

  await expect(abortable(AbortSignal.abort(left), start)).rejects.toBe(left)

  expect(start).not.toHaveBeenCalled()
})

test('an abort ends the wait for a promise, whose own failure is not reported then', async () => {
  const controller = new AbortController()
  const { promise, reject } = Promise.withResolvers<string>()
  const waiting = untilAborted(promise, controller.signal)

  controller.abort(left)
  reject(new Error('unseen'))

  await expect(waiting).rejects.toBe(left)
  await expect(untilAborted(Promise.reject(left), AbortSignal.abort('gone'))).rejects.toBe('gone')
})

test('a promise that settles first is passed on, and leaves no listener', async () => {
  const { signal } = new AbortController()

  expect(await untilAborted(Promise.resolve('value'), signal)).toBe('value')
  await expect(untilAborted(Promise.reject(left), signal)).rejects.toBe(left)

  expect(getEventListeners(signal, 'abort')).toEqual([])
})

test('a listener hears of an abort that has been or will be, until it is taken off', () => {
  const controller = new AbortController()
  const [kept, takenOff, late] = [vi.fn(), vi.fn(), vi.fn()]
  onAbort(controller.signal, kept)
  onAbort(controller.signal, takenOff)()

  controller.abort()
  onAbort(controller.signal, late)

  expect([kept, takenOff, late].map(({ mock }) => mock.calls.length)).toEqual([1, 0, 1])
})
