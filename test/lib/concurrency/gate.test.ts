import { expect, test } from 'vitest'
import { createGate } from '../../../src/lib/concurrency/gate.ts'

const never = new AbortController().signal

test('a caller waits at a shut gate until it is opened', async () => {
  const gate = createGate()
  const passed: string[] = []
  const waiting = gate.pass(never).then(() => passed.push('waited'))
  await Promise.resolve()
  expect(passed).toEqual([])

  gate.open()

  await waiting
  await gate.pass(never)
  expect(passed).toEqual(['waited'])
})

test('a barred gate refuses callers, those that wait as well, until it is opened', async () => {
  const gate = createGate()
  const reason = new Error('closed for today')
  const waiting = gate.pass(never)

  gate.bar(reason)

  await expect(waiting).rejects.toBe(reason)
  await expect(gate.pass(never)).rejects.toBe(reason)
  gate.open()
  await expect(gate.pass(never)).resolves.toBeUndefined()
})

test('a caller whose signal aborts stops waiting', async () => {
  const gate = createGate()
  const controller = new AbortController()
  const waiting = gate.pass(controller.signal)

  controller.abort(new Error('left'))

  await expect(waiting).rejects.toThrow('left')
  await expect(gate.pass(controller.signal)).rejects.toThrow('left')
})
