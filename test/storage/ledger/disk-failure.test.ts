import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { wrapDatabase } from '../../../src/storage/ledger/database.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRetryingSecrets } from '../../../src/storage/ledger/secrets/retrying-secrets.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

test.each([
  ['SQLITE_FULL', 'PRAGMA max_page_count = 2', 'SPOOL_FULL', 60],
  ['SQLITE_READONLY', 'PRAGMA query_only = ON', 'SPOOL_FAILED', 10],
])('%s is said in words, and is over when it is over', async (_name, trouble, code, retryAfter) => {
  const raw = new DatabaseSync(join(await makeTempDir(), 'a.sqlite'))
  onTestFinished(() => raw.close())
  const database = wrapDatabase(raw)
  database.exec('CREATE TABLE rows (value BLOB)')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  raw.exec(trouble)

  const refused = expect.objectContaining({ code, retryAfter, retryable: true })
  expect(() => insert.run(randomBytes(20_000))).toThrow(refused)
  expect(() => database.transaction(() => insert.run(randomBytes(20_000)))).toThrow(refused)
  expect(database.prepare('SELECT count(*) AS n FROM rows').get()).toEqual({ n: 0 })

  raw.exec('PRAGMA query_only = OFF')
  raw.exec('PRAGMA max_page_count = 1000')
  expect(insert.run(randomBytes(20_000))).toBe(1)
})

test('while the disk hangs nothing is written and everything is read', async () => {
  let stalled = false
  const ledger = openTestLedger(() => stalled)
  await insertUpload(ledger, makeUpload({ id: 'before' }), 'token')
  stalled = true

  const refused = expect.objectContaining({ code: 'SPOOL_FAILED' })
  await expect(insertUpload(ledger, makeUpload({ id: 'after' }), 'token')).rejects.toThrow(refused)
  await expect(ledger.deleteTransfer('before')).rejects.toThrow(refused)
  await expect(ledger.checkpoint()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
  expect(await ledger.findUpload('before')).not.toBeNull()
  expect(await ledger.uploadToken('before')).toBe('token')

  stalled = false
  await insertUpload(ledger, makeUpload({ id: 'after' }), 'token')
})

test('what has not come yet is counted over unfinished uploads only', async () => {
  const ledger = openTestLedger()
  for (const id of ['open', 'sealed', 'done', 'failed']) {
    await insertUpload(ledger, makeUpload({ id, size: 2000 }), 'token')
    await ledger.acceptChunk(
      id,
      { index: 0, size: 600, digest: '00'.repeat(32) },
      { chunkSize: 600, token: null, now: 1 },
    )
  }
  await ledger.sealUpload('sealed', 2)
  await ledger.completeUpload('done', {
    result: { messageId: 1, fileId: 'f', digests: null },
    webhook: null,
    library: null,
    now: 3,
  })
  await ledger.failUpload('failed', failure('a reason', 4))

  expect((await ledger.reservations()).unwrittenBytes).toBe(2 * (2000 - 600))
  expect((await ledger.reservations()).reservedBytes).toBe(2 * 2000)
})

test('a secret that cannot be written yet is remembered, and written later', async () => {
  const ledger = openTestLedger()
  const log = createRecordingLog()
  const secrets = createRetryingSecrets(ledger, log)
  await ledger.saveSecret('old', Buffer.from('old'))
  const full = (): Promise<never> => Promise.reject(new AppError('SPOOL_FULL', 'full'))
  const saving = vi.spyOn(ledger, 'saveSecret').mockImplementation(full)
  const deleting = vi.spyOn(ledger, 'deleteSecret').mockImplementation(full)

  await secrets.saveSecret('key', Buffer.from('value'))
  await secrets.deleteSecret('old')

  expect(await secrets.secret('key')).toEqual(Buffer.from('value'))
  expect(await secrets.secret('old')).toBeNull()
  expect(JSON.stringify(log.entries)).not.toContain('value')
  saving.mockRestore()
  deleting.mockRestore()
  await secrets.close()
  expect(await ledger.secret('key')).toEqual(Buffer.from('value'))
  expect(await ledger.secret('old')).toBeNull()
})

function openTestLedger(stalled = (): boolean => false) {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log, stalled })
  onTestFinished(ledger.close)
  return ledger
}
