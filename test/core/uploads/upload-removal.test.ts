import { expect, test } from 'vitest'
import type { EndedUpload } from '../../../src/core/ports/metrics.ts'
import type { UploadState } from '../../../src/core/ports/records.ts'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import {
  createUploadRemoval,
  type UploadRemoval,
} from '../../../src/core/uploads/upload-removal.ts'
import { AppError } from '../../../src/errors.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger, type MemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const TOUCHED = NOW - 5_000
const ID = 'upload-1'
const CANCELLED = { reason: 'it was cancelled', percent: 0, now: NOW }
const KEEP = { perOwner: 10, inAll: 10 }

type Way = keyof UploadRemoval

const remove: Record<Way, (removal: UploadRemoval) => Promise<unknown>> = {
  cancel: (removal) => removal.cancel(ID),
  abandon: (removal) => removal.abandon(ID),
  expire: (removal) => removal.expire(ID, TOUCHED),
}

const bring: Record<UploadState | 'gone', (ledger: MemoryLedger) => Promise<unknown>> = {
  gone: (ledger) => ledger.deleteUpload(ID),
  receiving: async () => {},
  sealed: (ledger) => ledger.sealUpload(ID, NOW),
  completed: (ledger) =>
    ledger.completeUpload(ID, {
      result: { messageId: 1, fileId: 'f', digests: null },
      webhook: null,
      library: null,
      now: NOW,
    }),
  failed: (ledger) => ledger.failUpload(ID, failure('No', NOW)),
  cancelled: (ledger) => ledger.cancelUpload(ID, CANCELLED, KEEP),
}

test.each<[Way, UploadState | 'gone', UploadState | 'gone', EndedUpload['outcome'] | null]>([
  ['cancel', 'receiving', 'cancelled', 'cancelled'],
  ['cancel', 'sealed', 'cancelled', 'cancelled'],
  ['cancel', 'failed', 'cancelled', null],
  ['cancel', 'cancelled', 'cancelled', null],
  ['cancel', 'completed', 'completed', null],
  ['abandon', 'receiving', 'gone', 'abandoned'],
  ['abandon', 'sealed', 'gone', 'abandoned'],
  ['abandon', 'completed', 'gone', null],
  ['abandon', 'gone', 'gone', null],
  ['expire', 'receiving', 'gone', 'expired'],
  ['expire', 'sealed', 'sealed', null],
  ['expire', 'completed', 'completed', null],
  ['expire', 'failed', 'failed', null],
  ['expire', 'cancelled', 'cancelled', null],
  ['expire', 'gone', 'gone', null],
])(
  '%s: an upload that is %s is %s then, and is reported as %s',
  async (way, state, then, outcome) => {
    const { removal, ledger, ended } = await start()
    await bring[state](ledger)

    await remove[way](removal)

    expect((await ledger.findUpload(ID))?.state ?? 'gone').toBe(then)
    expect(ended).toEqual(outcome === null ? [] : [{ uploadId: ID, outcome }])
  },
)

test('an upload that does not exist cannot be cancelled', async () => {
  const { removal, ledger } = await start()
  await ledger.deleteUpload(ID)

  await expect(removal.cancel(ID)).rejects.toMatchObject({ code: 'UPLOAD_NOT_FOUND' })
})

test('what has made progress since it was looked at does not expire, and keeps its bytes', async () => {
  const { removal, ledger, steps } = await start()
  await ledger.touchUpload(ID, NOW)

  expect(await removal.expire(ID, TOUCHED)).toBe(false)

  expect((await ledger.findUpload(ID))?.touchedAt).toBe(NOW)
  expect(steps).not.toContain('remove bytes')
})

test.each<Way>(['abandon', 'expire'])(
  '%s: what runs is stopped on both sides of the row, and the bytes go last',
  async (way) => {
    const { removal, steps } = await start()

    await remove[way](removal)

    expect(steps).toEqual(['stop', 'row', 'stop', 'tell', 'report', 'remove bytes'])
  },
)

test('a cancel tells its listeners before the bytes go', async () => {
  const { removal, steps } = await start()

  await removal.cancel(ID)

  expect(steps).toEqual(['stop', 'stop', 'row', 'stop', 'tell', 'report', 'remove bytes'])
})

test.each<Way>(['cancel', 'abandon', 'expire'])(
  '%s: where the disk is too full for the row, the bytes make place for it',
  async (way) => {
    const { removal, ledger, ended, steps } = await start({
      beforeRow: () => Promise.reject(new AppError('SPOOL_FULL', 'The disk is full')),
    })

    await remove[way](removal)

    expect(steps.indexOf('remove bytes')).toBeLessThan(steps.indexOf('tell'))
    expect((await ledger.findUpload(ID))?.state).not.toBe('receiving')
    expect(ended).toHaveLength(1)
  },
)

test.each<Way>(['cancel', 'abandon', 'expire'])(
  '%s: an upload whose row cannot be written is not reported, and keeps its bytes',
  async (way) => {
    const broken = new Error('disk I/O error')
    const { removal, ended, steps } = await start({ beforeRow: () => Promise.reject(broken) })

    await expect(remove[way](removal)).rejects.toBe(broken)

    expect(ended).toEqual([])
    expect(steps).not.toContain('remove bytes')
  },
)

test('an upload that is completed during its cancel is completed', async () => {
  const { removal, ended, steps } = await start({ beforeRow: bring.completed })

  expect(await removal.cancel(ID)).toMatchObject({ state: 'completed', result: { messageId: 1 } })

  expect(ended).toEqual([])
  expect(steps).not.toContain('tell')
})

interface StartOptions {
  /** Runs before the first row that the removal writes. */
  beforeRow?: (ledger: MemoryLedger) => Promise<unknown>
}

async function start({ beforeRow = async () => {} }: StartOptions = {}) {
  const ended: EndedUpload[] = []
  const steps: string[] = []
  const ledger = createMemoryLedger()
  await insertUpload(ledger, makeUpload({ id: ID, totalChunks: 0, touchedAt: TOUCHED }), 'token')
  let isFirst = true
  for (const call of ['cancelUpload', 'deleteUpload', 'expireUpload'] as const) {
    ledger.before(call, async () => {
      steps.push('row')
      if (isFirst) {
        isFirst = false
        await beforeRow(ledger)
      }
    })
  }
  const board = createProgressBoard()
  board.subscribe({ uploadId: ID }, () => steps.push('tell'))
  const removal = createUploadRemoval({
    ledger,
    spool: { remove: async () => void steps.push('remove bytes') },
    transfers: { stop: async () => void steps.push('stop') },
    progress: board,
    metrics: {
      ended: (report) => {
        steps.push('report')
        ended.push(report)
      },
    },
    onCleanup: () => {},
    now: () => NOW,
    log: createRecordingLog(),
  })
  return { removal, ledger, ended, steps }
}
