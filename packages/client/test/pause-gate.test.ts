import { expect, test } from 'vitest'
import { createPauseGate } from '../src/uploads/pause-gate.ts'

const { signal } = new AbortController()

test('a pause aborts the work, and it runs again after resume', async () => {
  const gate = createPauseGate()
  let runs = 0
  const ended = gate.run(async (running) => {
    if (++runs > 1) return 'done'
    gate.pause()
    running.throwIfAborted()
    return 'not stopped'
  }, signal)

  await new Promise(setImmediate)
  const runsWhilePaused = runs
  gate.resume()

  expect(await ended).toBe('done')
  expect([runsWhilePaused, runs]).toEqual([1, 2])
})

test('work that begins during a pause waits for resume', async () => {
  const gate = createPauseGate()
  gate.pause()
  let isRunning = false
  const ended = gate.run(async () => {
    isRunning = true
  }, signal)

  await new Promise(setImmediate)
  const ranWhilePaused = isRunning
  gate.resume()
  await ended

  expect([ranWhilePaused, isRunning]).toEqual([false, true])
})

test('an abort ends the wait for resume with its reason', async () => {
  const gate = createPauseGate()
  const leaving = new AbortController()
  gate.pause()
  const ended = gate.run(async () => 'done', leaving.signal)

  leaving.abort(new Error('left'))

  await expect(ended).rejects.toThrow('left')
})

test('an error of the work is not taken for a pause', async () => {
  const gate = createPauseGate()

  await expect(gate.run(() => Promise.reject(new Error('broken')), signal)).rejects.toThrow(
    'broken',
  )
})
