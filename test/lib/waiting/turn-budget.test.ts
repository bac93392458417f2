import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { createTurnBudget, inTurns } from '../../../src/lib/waiting/turn-budget.ts'

test('a turn serves the takers that fit into it, and the next turns the rest, in order', async () => {
  const turns = createTurnBudget(100)
  const served: number[] = []
  for (const each of [1, 2, 3, 4, 5]) void turns.take(60).then(() => served.push(each))

  await Promise.resolve()
  const first = [...served]
  await nextTurn()
  await nextTurn()
  await nextTurn()

  // The second is begun with room left, and so the turn is full.
  expect(first).toEqual([1, 2])
  expect(served).toEqual([1, 2, 3, 4, 5])
})

test('a piece larger than a turn passes alone', async () => {
  const turns = createTurnBudget(10)

  await turns.take(1000)
  const later = turns.take(1000)

  await expect(later).resolves.toBeUndefined()
})

test('a stream passes whole and in order', async () => {
  const turns = createTurnBudget(3)
  const source = (async function* () {
    for (let at = 0; at < 20; at++) yield Buffer.from([at, at])
  })()

  const out: number[] = []
  for await (const piece of inTurns(source, turns)) out.push(...piece)

  expect(out).toEqual(Array.from({ length: 40 }, (_, at) => at >> 1))
})

test('a consumer that leaves ends the source', async () => {
  let ended = false
  const source = (async function* () {
    try {
      for (;;) yield Buffer.alloc(5)
    } finally {
      ended = true
    }
  })()

  for await (const _piece of inTurns(source, createTurnBudget(10))) break

  expect(ended).toBe(true)
})
