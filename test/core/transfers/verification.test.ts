import { expect, test } from 'vitest'
import { createVerification } from '../../../src/core/transfers/verification.ts'
import { AppError } from '../../../src/errors.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

const passing = new AppError('TELEGRAM_UNAVAILABLE', 'Telegram fails')
const final = new AppError('MESSAGE_NOT_FOUND', 'It is gone')

test('a file that was damaged is sent once more, and the second time its job fails', () => {
  const { verification } = start()

  verification.damaged()

  expect(() => verification.damaged()).toThrow('Telegram has damaged the file')
})

test('a failure to read a posted file back is tried again twice, and then the post counts', () => {
  const { verification, log } = start()

  expect(() => verification.unread(passing)).toThrow(passing)
  expect(() => verification.unread(passing)).toThrow(passing)
  verification.unread(passing)

  expect(log.entries).toMatchObject([{ fields: { uploadId: 'a', err: passing } }])
})

test('a posted file that can never be read back counts at once', () => {
  const { verification, log } = start()

  verification.unread(final)

  expect(log.entries).toHaveLength(1)
})

test('other blocks are drawn for each try', () => {
  const { verification } = start()
  const drawn = Array.from({ length: 50 }, () => JSON.stringify(verification.blocks()))

  expect(new Set(drawn).size).toBeGreaterThan(1)
})

function start() {
  const log = createRecordingLog()
  return {
    log,
    verification: createVerification({ uploadId: 'a', size: 500 * MiB }, 'sample', log),
  }
}
