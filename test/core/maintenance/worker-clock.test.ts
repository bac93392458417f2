import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { openWorkerClock } from '../../../src/core/maintenance/worker-clock.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY

test('while it runs only what really passed counts, whatever is done to the clock', async () => {
  const { machine, start } = makeMachine()
  const clock = await start()

  machine.wall += YEAR
  machine.elapsed += 5_000
  expect(clock.now()).toBe(NOW + 5_000)
  machine.wall -= 3 * YEAR
  machine.elapsed += 5_000
  expect(clock.now()).toBe(NOW + 10_000)
})

test('an absence counts for what is due', async () => {
  const { machine, start } = makeMachine()
  await (await start()).keep()
  machine.wall += 3 * HOUR

  expect((await start()).now()).toBe(NOW + 3 * HOUR)
})

test('a clock that was set back over a restart does not take the time back', async () => {
  const { machine, start, log } = makeMachine()
  await (await start()).keep()
  machine.wall -= YEAR

  const clock = await start()
  machine.elapsed += HOUR

  expect(clock.now()).toBe(NOW + HOUR)
  expect(log.entries).toMatchObject([{ level: 'warn', message: expect.stringContaining('back') }])
})

test('a clock that was wrong while it ran is right again after a restart', async () => {
  const { machine, start } = makeMachine()
  machine.wall = 0
  const wrong = await start()
  machine.wall = NOW
  await wrong.keep()

  expect((await start()).now()).toBe(NOW)
})

test.each([
  ['a short absence ages uploads as it was', 2 * HOUR, 2 * HOUR],
  ['a clock a year ahead ages them by half of their time', YEAR, 12 * HOUR],
])('%s', async (_name, away, age) => {
  const { machine, start, ledger } = makeMachine()
  await (await start()).keep()
  await insertUpload(ledger, makeUpload({ touchedAt: NOW }), 'token')
  machine.wall += away

  const clock = await start()

  expect(clock.now() - ((await ledger.findUpload(makeUpload().id))?.touchedAt ?? 0)).toBe(age)
})

test('an upload that nobody wants does not live through absence after absence', async () => {
  const { machine, start, ledger } = makeMachine()
  await (await start()).keep()
  await insertUpload(ledger, makeUpload({ touchedAt: NOW }), 'token')

  let clock = await start()
  for (let n = 0; n < 2; n++) {
    machine.wall += 3 * DAY
    clock = await start()
  }

  expect(clock.now() - ((await ledger.findUpload(makeUpload().id))?.touchedAt ?? 0)).toBe(DAY)
})

test('a result that the clock says is old stays readable for half of its hour', async () => {
  const { machine, start, ledger } = makeMachine()
  await (await start()).keep()
  await insertUpload(ledger, makeUpload(), 'token')
  await ledger.completeUpload(makeUpload().id, {
    result: { messageId: 1, fileId: 'f', digests: null },
    webhook: null,
    library: null,
    now: NOW,
  })
  machine.wall += YEAR

  const clock = await start()

  expect(await ledger.finishedBefore(clock.now() - HOUR)).toEqual([])
  machine.elapsed += HOUR / 2
  expect(await ledger.finishedBefore(clock.now() - HOUR)).toEqual([makeUpload().id])
})

function makeMachine() {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(ledger.close)
  const machine = { wall: NOW, elapsed: 0 }
  const start = () =>
    openWorkerClock({
      ledger,
      lifetimes: { receiving: DAY, finished: HOUR },
      log,
      wall: () => machine.wall,
      elapsed: () => machine.elapsed,
    })
  return { machine, start, ledger, log }
}
