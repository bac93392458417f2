import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createPendingDeletes } from '../../../src/web/library/pending-deletes.ts'
import { entry } from './entries.ts'

const DELAY = 10_000

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test('an entry is hidden at once, and deleted when the time is over', async () => {
  const { deletes, sent, finish } = start()

  deletes.add([entry('a')])
  expect([...deletes.hidden.value]).toEqual(['a'])
  vi.advanceTimersByTime(DELAY - 1)
  expect(sent).toEqual([])
  vi.advanceTimersByTime(1)

  expect(sent).toEqual([['a']])
  expect(deletes.waiting.value).toEqual([])
  expect([...deletes.hidden.value]).toEqual(['a'])
  await finish()
  expect([...deletes.hidden.value]).toEqual([])
})

test('what is taken back is shown again, and never deleted', () => {
  const { deletes, sent } = start()
  deletes.add([entry('a')])

  deletes.undo()
  vi.advanceTimersByTime(2 * DELAY)

  expect([...deletes.hidden.value]).toEqual([])
  expect(sent).toEqual([])
})

test('what is deleted soon after joins it, with a time that begins anew', () => {
  const { deletes, sent } = start()
  deletes.add([entry('a')])
  vi.advanceTimersByTime(DELAY - 1)
  deletes.add([entry('b')])

  vi.advanceTimersByTime(DELAY - 1)
  expect(sent).toEqual([])
  vi.advanceTimersByTime(1)

  expect(sent).toEqual([['a', 'b']])
})

test('the time stands while the user is at the button', () => {
  const { deletes, sent } = start()
  deletes.add([entry('a')])

  deletes.hold(true)
  vi.advanceTimersByTime(10 * DELAY)
  expect(sent).toEqual([])
  deletes.hold(false)
  vi.advanceTimersByTime(DELAY)

  expect(sent).toEqual([['a']])
})

test('a page that is left deletes at once, and once', () => {
  const { deletes, sent } = start()
  deletes.add([entry('a')])

  deletes.flush()
  deletes.flush()
  vi.advanceTimersByTime(2 * DELAY)

  expect(sent).toEqual([['a']])
})

test('what is being deleted stays hidden when something else is taken back', () => {
  const { deletes } = start()
  deletes.add([entry('a')])
  deletes.flush()
  deletes.add([entry('b')])

  deletes.undo()

  expect([...deletes.hidden.value]).toEqual(['a'])
})

function start() {
  const sent: string[][] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  const deletes = createPendingDeletes({
    delayMs: DELAY,
    send: (entries) => {
      sent.push(entries.map(({ key }) => key))
      return promise
    },
  })
  const finish = async (): Promise<void> => {
    resolve()
    await promise
    await Promise.resolve()
  }
  return { deletes, sent, finish }
}
