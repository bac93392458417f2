import { expect, test } from 'vitest'
import { KiB, MiB } from '../../../../src/lib/units.ts'
import {
  countParts,
  createPartPlan,
  partAt,
} from '../../../../src/telegram/mtproto/files/part-plan.ts'

const PART = 512 * KiB

test.each([
  [1, 1, 1],
  [PART, 1, PART],
  [PART + 1, 2, 1],
  [10 * MiB, 20, PART],
  [2000 * MiB, 4000, PART],
  [2000 * MiB - 1, 4000, PART - 1],
])('%i bytes are %i parts, the last of %i bytes', (size, parts, last) => {
  expect(countParts(size)).toBe(parts)
  expect(partAt(size, parts - 1).size).toBe(last)
})

test('parts go in order, those left out whose bytes are not here', () => {
  const { plan, arrived } = createPlan(5 * PART, [0, 1, 3])

  expect(drain(plan)).toEqual([0, 1, 3])
  arrived.add(2).add(4)
  // From where the last one was found, then what came late.
  expect(drain(plan)).toEqual([4, 2])
  expect(drain(plan)).toEqual([])
})

test('a short last part waits for a full one to be acknowledged', () => {
  const { plan } = createPlan(2 * PART + 7, [0, 1, 2])
  const first = plan.next()
  const second = plan.next()
  expect([first?.index, second?.index, plan.next()]).toEqual([0, 1, null])

  if (first) plan.acknowledged(first)

  expect(plan.next()).toEqual({ index: 2, offset: 2 * PART, size: 7 })
})

test('a short part that is the only one does not wait', () => {
  const { plan } = createPlan(7, [0])

  expect(plan.next()).toEqual({ index: 0, offset: 0, size: 7 })
})

test('acknowledged parts are not chosen again, after a restart neither', () => {
  const { plan, acknowledged } = createPlan(4 * PART, [0, 1, 2, 3], [1, 2])
  expect(plan.acceptedBytes).toBe(2 * PART)
  expect(drain(plan)).toEqual([0, 3])

  plan.acknowledged(partAt(4 * PART, 0))
  plan.returned(partAt(4 * PART, 3))

  expect(acknowledged.has(0)).toBe(true)
  expect(drain(plan)).toEqual([3])
  expect(plan.complete).toBe(false)
  plan.acknowledged(partAt(4 * PART, 3))
  expect(plan.complete).toBe(true)
})

function createPlan(size: number, here: number[], known: number[] = []) {
  const arrived = new Set(here)
  const acknowledged = new Set(known)
  const file = { size, has: (offset: number) => arrived.has(offset / PART) }
  const plan = createPartPlan(file, {
    hasPart: (part) => acknowledged.has(part),
    addPart: (part) => void acknowledged.add(part),
  })
  return { plan, arrived, acknowledged }
}

function drain(plan: ReturnType<typeof createPartPlan>): number[] {
  const indexes: number[] = []
  for (let part = plan.next(); part; part = plan.next()) indexes.push(part.index)
  return indexes
}
