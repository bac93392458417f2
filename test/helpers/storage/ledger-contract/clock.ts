import { expect, onTestFinished, test, vi } from 'vitest'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { CHUNK, type MakeLedger, NOW, PAYLOAD, RESULT } from './fixtures.ts'

const YEAR_MS = 365 * 86_400_000

/** What the ledger keeps of time, which is the worker's and not the machine's. */
export function keepsClock(make: MakeLedger): void {
  test('the last reading of the clock is kept', async () => {
    const { ledger } = await make()
    expect(await ledger.lastReading()).toBeNull()

    await ledger.keepReading({ workerTime: NOW, wallTime: 5 })
    await ledger.keepReading({ workerTime: NOW + 1, wallTime: 3 })

    expect(await ledger.lastReading()).toEqual({ workerTime: NOW + 1, wallTime: 3 })
  })

  test('an absence that is forgiven makes receiving and finished uploads younger, and no others', async () => {
    const { ledger } = await make()
    const times = { createdAt: 100, touchedAt: 200, totalChunks: 0 }
    for (const id of ['receiving', 'sealed', 'failed']) {
      await insertUpload(ledger, makeUpload({ ...times, id }), 'token')
    }
    await ledger.sealUpload('sealed', 300)
    await ledger.failUpload('failed', failure('No', 300))

    await ledger.keepReading({ workerTime: NOW, wallTime: NOW }, { receiving: 10, finished: 20 })

    expect(await ledger.findUpload('receiving')).toMatchObject({ createdAt: 110, touchedAt: 210 })
    expect(await ledger.findUpload('sealed')).toMatchObject({ createdAt: 100, touchedAt: 300 })
    expect(await ledger.findUpload('failed')).toMatchObject({ createdAt: 100, finishedAt: 320 })
    expect(await ledger.lastReading()).toEqual({ workerTime: NOW, wallTime: NOW })
  })

  test.each([
    ['ahead', YEAR_MS],
    ['behind', -YEAR_MS],
  ])('a machine whose clock is a year %s changes no age and no due date', async (_name, moved) => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + moved })
    onTestFinished(() => void vi.useRealTimers())
    const { ledger } = await make()
    const kept = { tokenId: 't', token: 'login', expiresAt: NOW + 10 }
    for (const id of ['done', 'open']) {
      await insertUpload(ledger, makeUpload({ id, touchedAt: NOW }), 'token')
    }
    await ledger.acceptChunk('open', CHUNK, { chunkSize: null, token: null, now: NOW + 1 })

    await ledger.completeUpload('done', {
      result: RESULT,
      webhook: PAYLOAD,
      library: null,
      now: NOW + 5,
    })
    await ledger.issueTicket('ann', kept, NOW)
    await ledger.deleteExpiredTicketTokens(NOW + 9)

    expect(await ledger.finishedBefore(NOW + 4)).toEqual([])
    expect(await ledger.finishedBefore(NOW + 5)).toEqual(['done'])
    expect(await ledger.dueWebhooks(NOW + 4, 10)).toEqual([])
    expect(await ledger.dueWebhooks(NOW + 5, 10)).toHaveLength(1)
    expect(await ledger.nextWebhookAt()).toBe(NOW + 5)
    expect(await ledger.ticketToken('t', NOW + 9)).toBe('login')
    expect(await ledger.ticketToken('t', NOW + 10)).toBeNull()
    expect(await ledger.expireUpload('open', NOW)).toBeNull()
    expect(await ledger.expireUpload('open', NOW + 1)).toMatchObject({ id: 'open' })
  })
}
