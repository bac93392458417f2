import { expect, test } from 'vitest'
import { openClusterClock } from '../../../src/core/maintenance/cluster-clock.ts'

test("a node's time is the database's, and goes on between two looks at it", async () => {
  const { clock, pass } = await start({ database: 1_000_000 })

  expect(clock.now()).toBe(1_000_000)
  pass(500)
  expect(clock.now()).toBe(1_000_500)
})

test('an answer that takes long counts from its middle', async () => {
  const { clock } = await start({ database: 1_000_000, trip: 200 })

  expect(clock.now()).toBe(1_000_100)
})

test('a database that is ahead is followed at the next look', async () => {
  const { clock, pass, set } = await start({ database: 1_000_000 })
  pass(1_000)
  set(1_090_000)

  expect(clock.now()).toBe(1_001_000)
  await clock.keep()
  expect(clock.now()).toBe(1_090_000)
})

test('time never goes back: it stands until a database that was set back has come after it', async () => {
  const { clock, pass, set } = await start({ database: 1_000_000 })
  pass(10_000)
  expect(clock.now()).toBe(1_010_000)
  set(1_004_000)
  await clock.keep()

  expect(clock.now()).toBe(1_010_000)
  pass(6_000)
  expect(clock.now()).toBe(1_010_000)
  pass(1)
  expect(clock.now()).toBe(1_010_001)
})

async function start({ database, trip = 0 }: { database: number; trip?: number }) {
  let elapsed = 5
  let time = database
  const clock = await openClusterClock({
    elapsed: () => elapsed,
    databaseTime: async () => {
      elapsed += trip
      return time
    },
  })
  return {
    clock,
    pass: (ms: number) => {
      elapsed += ms
    },
    set: (ms: number) => {
      time = ms
    },
  }
}
