import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test, vi } from 'vitest'
import { AppError } from '../../../src/errors.ts'
import { wrapDatabase } from '../../../src/storage/ledger/database.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createPatientSecrets } from '../../../src/storage/ledger/secrets/patient-secrets.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
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
  ledger.insertUpload(makeUpload({ id: 'before' }), 'token')
  stalled = true

  const refused = expect.objectContaining({ code: 'SPOOL_FAILED' })
  expect(() => ledger.insertUpload(makeUpload({ id: 'after' }), 'token')).toThrow(refused)
  expect(() => ledger.deleteTransfer('before')).toThrow(refused)
  await expect(ledger.checkpoint()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
  expect(ledger.findUpload('before')).not.toBeNull()
  expect(ledger.uploadToken('before')).toBe('token')

  stalled = false
  ledger.insertUpload(makeUpload({ id: 'after' }), 'token')
})

test('what has not come yet is counted over unfinished uploads only', () => {
  const ledger = openTestLedger()
  for (const id of ['open', 'sealed', 'done', 'failed']) {
    ledger.insertUpload(makeUpload({ id, size: 2000 }), 'token')
    ledger.insertChunk(id, { index: 0, size: 600, digest: '00'.repeat(32) }, 600, 1)
  }
  ledger.sealUpload('sealed', 2)
  ledger.completeUpload('done', { messageId: 1, fileId: 'f' }, null, 3)
  ledger.failUpload('failed', failure('a reason', 4))

  expect(ledger.unwrittenBytes()).toBe(2 * (2000 - 600))
  expect(ledger.reservedBytes()).toBe(2 * 2000)
})

test('a secret that cannot be written yet is remembered, and written later', async () => {
  const ledger = openTestLedger()
  const log = createRecordingLog()
  const secrets = createPatientSecrets(ledger, log)
  ledger.saveSecret('old', Buffer.from('old'))
  const full = (): never => {
    throw new AppError('SPOOL_FULL', 'full')
  }
  const saving = vi.spyOn(ledger, 'saveSecret').mockImplementation(full)
  const deleting = vi.spyOn(ledger, 'deleteSecret').mockImplementation(full)

  secrets.saveSecret('key', Buffer.from('value'))
  secrets.deleteSecret('old')

  expect(secrets.secret('key')).toEqual(Buffer.from('value'))
  expect(secrets.secret('old')).toBeNull()
  expect(JSON.stringify(log.entries)).not.toContain('value')
  saving.mockRestore()
  deleting.mockRestore()
  secrets.close()
  expect(ledger.secret('key')).toEqual(Buffer.from('value'))
  expect(ledger.secret('old')).toBeNull()
})

function openTestLedger(stalled = (): boolean => false) {
  const log = createRecordingLog()
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log, stalled })
  onTestFinished(ledger.close)
  return ledger
}
