import { expect, onTestFinished, test, vi } from 'vitest'
import type { MtprotoTransferState, TransferState } from '../../../../src/core/ports/records.ts'
import type { TransferJournal } from '../../../../src/core/ports/telegram.ts'
import { resumeOrStart } from '../../../../src/telegram/mtproto/files/transfer-state.ts'

const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const NOW = 1_762_700_000_000
const SAVED: MtprotoTransferState = {
  road: 'mtproto-user',
  partsHolder: 'key@2',
  fileId: '7',
  startedAt: NOW - HOUR + 1,
  document: null,
  randomId: null,
  newestMessageId: null,
  postAttempts: 0,
}
const DOCUMENT = { id: '5', accessHash: '-6', fileReference: 'AAEC', dcId: 4 }

test.each<[string, TransferState | null, 'goes on' | 'starts over']>([
  ['nothing is known of', null, 'starts over'],
  ['has young parts', SAVED, 'goes on'],
  ['has parts of another key', { ...SAVED, partsHolder: 'other@2' }, 'starts over'],
  ['has parts of just their time', { ...SAVED, startedAt: NOW - HOUR }, 'starts over'],
  ['has a document of old parts', { ...SAVED, startedAt: 0, document: DOCUMENT }, 'goes on'],
  [
    'came by the Bot API',
    { road: 'bot-api', startedAt: NOW, postAttempts: 1, posted: null },
    'starts over',
  ],
])('a transfer that %s %s', async (_name, saved, outcome) => {
  const { resume, journal } = start(saved)

  const state = await resume()

  if (outcome === 'goes on') return expect(state).toEqual(saved)
  expect(state).toMatchObject({ startedAt: NOW, document: null, postAttempts: 0 })
  expect(state.fileId).not.toBe(SAVED.fileId)
  expect(journal.reset).toHaveBeenCalledOnce()
  expect(journal.save).toHaveBeenCalledExactlyOnceWith(state)
})

test.each([
  ['ahead', YEAR],
  ['behind', -YEAR],
])('a machine whose clock is set a year %s ages no part', async (_name, moved) => {
  vi.useFakeTimers({ toFake: ['Date'], now: NOW + moved })
  onTestFinished(() => void vi.useRealTimers())

  expect(await start(SAVED).resume()).toEqual(SAVED)
  const old = { ...SAVED, startedAt: NOW - HOUR }
  expect(await start(old).resume()).toMatchObject({ startedAt: NOW })
})

function start(saved: TransferState | null) {
  const journal = {
    load: async () => saved,
    save: vi.fn(async () => {}),
    reset: vi.fn(async () => {}),
    hasPart: () => false,
    addPart: () => {},
    removePart: () => {},
  } satisfies TransferJournal
  const resume = () =>
    resumeOrStart({
      journal,
      road: 'mtproto-user',
      partsHolder: 'key@2',
      partTtlMs: HOUR,
      now: () => NOW,
    })
  return { resume, journal }
}
