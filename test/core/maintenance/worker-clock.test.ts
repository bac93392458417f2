import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { openWorkerClock } from '../../../src/core/maintenance/worker-clock.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY

test('while it runs only what really passed counts, whatever is done to the clock', () => {
  const { machine, start } = makeMachine()
  const clock = start()

  machine.wall += YEAR
  machine.elapsed += 5_000
  expect(clock.now()).toBe(NOW + 5_000)
  machine.wall -= 3 * YEAR
  machine.elapsed += 5_000
  expect(clock.now()).toBe(NOW + 10_000)
})

test('an absence counts for what is due', () => {
  const { machine, start } = makeMachine()
  start().keep()
  machine.wall += 3 * HOUR

  expect(start().now()).toBe(NOW + 3 * HOUR)
})

test('a clock that was set back over a restart does not take the time back', () => {
  const { machine, start, log } = makeMachine()
  start().keep()
  machine.wall -= YEAR

  const clock = start()
  machine.elapsed += HOUR

  expect(clock.now()).toBe(NOW + HOUR)
  expect(log.entries).toMatchObject([{ level: 'warn', message: expect.stringContaining('back') }])
})

test('a clock that was wrong while it ran is right again after a restart', () => {
  const { machine, start } = makeMachine()
  machine.wall = 0
  const wrong = start()
  machine.wall = NOW
  wrong.keep()

  expect(start().now()).toBe(NOW)
})

test.each([
  ['a short absence ages uploads as it was', 2 * HOUR, 2 * HOUR],
  ['a clock a year ahead ages them by half of their time', YEAR, 12 * HOUR],
])('%s', (_name, away, age) => {
  const { machine, start, ledger } = makeMachine()
  start().keep()
  ledger.insertUpload(makeUpload({ touchedAt: NOW }), 'token')
  machine.wall += away

  const clock = start()

  expect(clock.now() - (ledger.findUpload(makeUpload().id)?.touchedAt ?? 0)).toBe(age)
})

test('an upload that nobody wants does not live through absence after absence', () => {
  const { machine, start, ledger } = makeMachine()
  start().keep()
  ledger.insertUpload(makeUpload({ touchedAt: NOW }), 'token')

  let clock = start()
  for (let n = 0; n < 2; n++) {
    machine.wall += 3 * DAY
    clock = start()
  }

  expect(clock.now() - (ledger.findUpload(makeUpload().id)?.touchedAt ?? 0)).toBe(DAY)
})

test('a result that the clock says is old stays readable for half of its hour', () => {
  const { machine, start, ledger } = makeMachine()
  start().keep()
  ledger.insertUpload(makeUpload(), 'token')
  ledger.completeUpload(makeUpload().id, { messageId: 1, fileId: 'f' }, null, NOW)
  machine.wall += YEAR

  const clock = start()

  expect(ledger.finishedBefore(clock.now() - HOUR)).toEqual([])
  machine.elapsed += HOUR / 2
  expect(ledger.finishedBefore(clock.now() - HOUR)).toEqual([makeUpload().id])
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
