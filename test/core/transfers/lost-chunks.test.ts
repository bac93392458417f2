import { randomBytes } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import { createChunkRecovery } from '../../../src/core/transfers/lost-chunks.ts'
import { AppError } from '../../../src/errors.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { DIGEST, NOW, TRANSFER } from '../../helpers/storage/ledger-contract/fixtures.ts'
import { makeUpload } from '../../helpers/upload.ts'

const UPLOAD = makeUpload({ size: 2000, totalChunks: 2 })
const LOST = new AppError('SPOOL_DAMAGED', 'lost', { details: { chunkIndex: 1 } })

async function harness() {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log })
  onTestFinished(ledger.close)
  await insertUpload(ledger, UPLOAD, 'token')
  for (const index of [0, 1]) {
    const change = { chunkSize: 1000, token: null, now: NOW }
    await ledger.acceptChunk(UPLOAD.id, { index, size: 1000, digest: DIGEST }, change)
  }
  await ledger.saveTransfer(UPLOAD.id, TRANSFER)
  const indexes = async () => (await ledger.chunks(UPLOAD.id)).map(({ index }) => index)
  return { ledger, recover: createChunkRecovery({ ledger, log }), indexes }
}

test('a lost chunk of an upload that receives is asked for again, and parts of it do not count', async () => {
  const { ledger, recover, indexes } = await harness()

  expect(await recover(UPLOAD, LOST)).toBe(true)

  expect(await indexes()).toEqual([0])
  expect(await ledger.transfer(UPLOAD.id)).toBeNull()
})

test('an upload whose sender has left keeps what it has', async () => {
  const { ledger, recover, indexes } = await harness()
  await ledger.sealUpload(UPLOAD.id, NOW)

  expect(await recover(UPLOAD, LOST)).toBe(false)

  expect(await indexes()).toEqual([0, 1])
  expect(await ledger.transfer(UPLOAD.id)).toEqual(TRANSFER)
})

test.each([
  ['another error', UPLOAD, new AppError('TELEGRAM_UNAVAILABLE', 'down')],
  ['a spool that does not say which chunk', UPLOAD, new AppError('SPOOL_DAMAGED', 'lost')],
  ['an upload whose id was opened again', { ...UPLOAD, captionId: 'f'.repeat(32) }, LOST],
])('%s asks for nothing', async (_name, upload, error) => {
  const { ledger, recover, indexes } = await harness()

  expect(await recover(upload, error)).toBe(false)

  expect(await indexes()).toEqual([0, 1])
  expect(await ledger.transfer(UPLOAD.id)).toEqual(TRANSFER)
})
