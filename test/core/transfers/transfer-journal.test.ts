import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { TransferState } from '../../../src/core/ports/records.ts'
import {
  type FlushingJournal,
  openTransferJournal,
} from '../../../src/core/transfers/transfer-journal.ts'
import { AppError } from '../../../src/errors.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { makeUpload } from '../../helpers/upload.ts'

const ID = 'upload-1'
const STATE: TransferState = {
  road: 'mtproto-user',
  partsHolder: 'f00d',
  fileId: '42',
  startedAt: 0,
  document: null,
  randomId: null,
  newestMessageId: null,
  postAttempts: 0,
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('parts are written together a quarter of a second after the first', async () => {
  const { journal, writes, reopen } = await start()

  for (const part of [0, 7, 8, 3_999]) journal.addPart(part)
  await vi.advanceTimersByTimeAsync(249)
  expect(writes()).toBe(0)
  await vi.advanceTimersByTimeAsync(1)

  expect(writes()).toBe(1)
  expect(partsIn(await reopen())).toEqual([0, 7, 8, 3_999])
})

test('a part that Telegram has lost is taken out', async () => {
  const { journal, reopen } = await start()
  journal.addPart(1)
  journal.addPart(2)

  journal.removePart(1)
  await journal.flush()

  expect(partsIn(journal)).toEqual([2])
  expect(partsIn(await reopen())).toEqual([2])
})

test('a state is written after the parts that it rests on', async () => {
  const { journal, ledger } = await start()
  const order: string[] = []
  ledger.before('saveAcknowledgedParts', async () => void order.push('parts'))
  ledger.before('saveTransfer', async () => void order.push('state'))
  journal.addPart(1)

  await journal.save(STATE)

  expect(order).toEqual(['parts', 'state'])
  expect(await journal.load()).toEqual(STATE)
})

test('parts that the disk refuses are written again two seconds later', async () => {
  const { journal, ledger, log, writes, reopen } = await start()
  ledger.before('saveAcknowledgedParts', refuse)
  journal.addPart(1)

  await vi.advanceTimersByTimeAsync(250)
  journal.addPart(2)
  await vi.advanceTimersByTimeAsync(1_999)
  expect([writes(), log.entries.length]).toEqual([0, 1])
  await vi.advanceTimersByTimeAsync(1)

  expect(writes()).toBe(1)
  expect(partsIn(await reopen())).toEqual([1, 2])
})

test('of two writes the second begins after the end of the first', async () => {
  const { journal, ledger, writes } = await start()
  const { promise: written, resolve: write } = Promise.withResolvers<void>()
  ledger.before('saveAcknowledgedParts', () => written)
  journal.addPart(1)
  await vi.advanceTimersByTimeAsync(250)

  journal.addPart(2)
  await vi.advanceTimersByTimeAsync(250)
  expect(writes()).toBe(0)
  write()
  await vi.advanceTimersByTimeAsync(0)

  expect(writes()).toBe(2)
})

test('a flush writes at once what is not written yet', async () => {
  const { journal, writes, reopen } = await start()

  await journal.flush()
  expect(writes()).toBe(0)
  journal.addPart(1)
  await journal.flush()

  expect([writes(), vi.getTimerCount()]).toEqual([1, 0])
  expect(partsIn(await reopen())).toEqual([1])
})

test('a flush that the disk refuses resolves, and does not try again', async () => {
  const { journal, ledger } = await start()
  ledger.before('saveAcknowledgedParts', refuse)
  journal.addPart(1)

  await journal.flush()

  expect(vi.getTimerCount()).toBe(0)
})

test('a reset forgets the state and the parts, those as well that are being written', async () => {
  const { journal, ledger, reopen } = await start()
  await journal.save(STATE)
  journal.addPart(1)
  const { promise: written, resolve: write } = Promise.withResolvers<void>()
  ledger.before('saveAcknowledgedParts', () => written)
  await vi.advanceTimersByTimeAsync(250)
  journal.addPart(2)

  const reset = journal.reset()
  write()
  await reset

  expect([partsIn(journal), vi.getTimerCount()]).toEqual([[], 0])
  const next = await reopen()
  expect([partsIn(next), await next.load()]).toEqual([[], null])
})

test('after a reset parts are noted anew', async () => {
  const { journal, reopen } = await start()
  journal.addPart(1)
  await journal.reset()

  journal.addPart(2)
  await journal.flush()

  expect(partsIn(await reopen())).toEqual([2])
})

test('a ledger that cannot be read opens no journal', async () => {
  const { ledger, reopen } = await start()
  ledger.before('acknowledgedParts', refuse)

  await expect(reopen()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
})

function refuse(): Promise<never> {
  return Promise.reject(new AppError('SPOOL_FULL', 'the disk is full'))
}

function partsIn(journal: FlushingJournal): number[] {
  return Array.from({ length: 4_096 }, (_, part) => part).filter(journal.hasPart)
}

async function start() {
  const ledger = createMemoryLedger()
  const log = createRecordingLog()
  await insertUpload(ledger, makeUpload({ id: ID }), 'token')
  const save = vi.spyOn(ledger, 'saveAcknowledgedParts')
  const reopen = () => openTransferJournal(ID, ledger, { partsNotedMs: 250, log })
  return {
    ...{ ledger, log, reopen, journal: await reopen() },
    /** How often the disk has taken the parts. */
    writes: () => save.mock.calls.length,
  }
}
