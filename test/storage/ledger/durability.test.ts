import { createHash, randomBytes } from 'node:crypto'
import { copyFile, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import type { TransferState } from '../../../src/core/ports/records.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_001_000
const DIGEST = createHash('sha256').digest('hex')
const KEY = randomBytes(32)
const { id } = makeUpload()
const TRANSFER: TransferState = {
  road: 'mtproto-user',
  partsHolder: 'f00d',
  fileId: '1',
  startedAt: NOW,
  document: null,
  randomId: null,
  newestMessageId: null,
  postAttempts: 0,
}

test('a ledger that is opened again knows everything', async () => {
  const { path, open } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload(), 'token')
  await before.acceptChunk(
    id,
    { index: 0, size: 1000, digest: DIGEST },
    { chunkSize: 1000, token: null, now: NOW },
  )
  await before.saveAcknowledgedParts(id, Uint8Array.of(3))
  await before.saveSecret('bot:1', Buffer.from('key'))
  await before.close()

  const after = open()

  expect(await after.findUpload(id)).toEqual(makeUpload({ chunkSize: 1000, touchedAt: NOW }))
  expect(await after.chunks(id)).toHaveLength(1)
  expect(await after.acknowledgedParts(id)).toEqual(Uint8Array.of(3))
  expect(await after.uploadToken(id)).toBe('token')
  expect(await after.secret('bot:1')).toEqual(Buffer.from('key'))
  expect(await readdir(join(path, '..'))).not.toContainEqual(expect.stringContaining('damaged'))
})

test('with another key secrets are absent, everything else is there', async () => {
  const { open } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload(), 'token')
  await before.saveSecret('bot:1', Buffer.from('key'))
  await before.close()

  const after = open(randomBytes(32))

  expect(await after.uploadToken(id)).toBeNull()
  expect(await after.secret('bot:1')).toBeNull()
  expect(await after.findUpload(id)).toEqual(makeUpload())
  await after.saveUploadToken(id, 'sent anew')
  expect(await after.uploadToken(id)).toBe('sent anew')
})

test('a ledger that was written with another key says so, once', async () => {
  const { open, log } = await makePlace()
  const before = open()
  await before.keepReading({ workerTime: NOW, wallTime: NOW })
  await before.close()
  const other = randomBytes(32)

  await open(other).close()
  await open(other).close()

  expect(log.entries).toMatchObject([
    { level: 'warn', message: expect.stringContaining('another LEDGER_KEY') },
  ])
})

test('a secret moved to another row, or changed by one bit, is absent', async () => {
  const { path, open } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload({ id: 'mine' }), 'my token')
  await insertUpload(before, makeUpload({ id: 'yours' }), 'your token')
  await before.saveSecret('a', Buffer.from('secret'))
  await before.saveSecret('b', Buffer.from('secret'))
  await before.saveSecret('short', Buffer.from('secret'))
  await before.close()
  tamper(path, (database) => {
    database.exec(`UPDATE uploads SET token = (SELECT token FROM uploads WHERE id = 'mine')`)
    database.exec(`UPDATE secrets SET value = (SELECT token FROM uploads) WHERE name = 'a'`)
    database.exec(`UPDATE secrets SET value = x'00' WHERE name = 'short'`)
    const sealed = database.prepare(`SELECT value FROM secrets WHERE name = 'b'`).get()?.value
    if (!(sealed instanceof Uint8Array)) throw new Error('no such secret')
    sealed[sealed.length - 1] = (sealed.at(-1) ?? 0) ^ 1
    database.prepare(`UPDATE secrets SET value = ? WHERE name = 'b'`).run(sealed)
  })

  const after = open()

  expect(await after.uploadToken('mine')).toBe('my token')
  expect(await after.uploadToken('yours')).toBeNull()
  expect(await Promise.all(['a', 'b', 'short'].map(after.secret))).toEqual([null, null, null])
})

test('neither a token nor what it was encrypted to stays in the files of a finished upload', async () => {
  const { path, open } = await makePlace()
  const ledger = open()
  // Long enough for pages of its own, which nothing else would happen to overwrite.
  await insertUpload(ledger, makeUpload(), 'MARKED-TOKEN'.repeat(1000))
  await ledger.checkpoint()
  const sealed = readSealedToken(path).subarray(-1000)
  expect((await readFile(path)).includes(sealed)).toBe(true)

  await ledger.completeUpload(id, {
    result: { messageId: 1, fileId: 'f', digests: null },
    webhook: null,
    library: null,
    now: NOW,
  })
  await ledger.checkpoint()

  for (const name of await readdir(join(path, '..'))) {
    const bytes = await readFile(join(path, '..', name))
    expect(bytes.includes('MARKED-TOKEN')).toBe(false)
    expect(bytes.includes(sealed)).toBe(false)
  }
})

test.each([
  ['text', async (path: string) => writeFile(path, 'this was never a database'.repeat(100))],
  ['torn in the middle', async (path: string) => truncate(path, 4096 * 3)],
  ['torn in its header', async (path: string) => truncate(path, 50)],
  ['overwritten by noise', async (path: string) => overwrite(path, 4096, 4096 * 6)],
  ['somebody else’s database', async (path: string) => replaceByForeign(path)],
])(
  'a ledger that is %s is moved aside, with a warning, and a new one begun',
  async (_name, damage) => {
    const { path, open, log } = await makePlace()
    const before = open()
    for (let index = 0; index < 50; index++) {
      await insertUpload(before, makeUpload({ id: `upload-${index}` }), 'token')
    }
    await before.close()
    await damage(path)
    const damaged = await readFile(path)

    const after = open()

    expect(await after.uploadsInState('receiving')).toEqual([])
    await insertUpload(after, makeUpload(), 'token')
    expect(log.entries).toMatchObject([
      { level: 'warn', message: expect.stringContaining('moved aside') },
    ])
    const names = await readdir(join(path, '..'))
    const aside = names.find((name) => /^ledger\.damaged-\d+$/.test(name))
    expect(aside).toBeDefined()
    expect(await readFile(join(path, '..', aside ?? ''))).toEqual(damaged)
  },
)

test('the log of a damaged ledger never gets into the new one', async () => {
  const { path, open } = await makePlace()
  const before = open()
  await before.checkpoint()
  await insertUpload(before, makeUpload(), 'token')
  const crashed = await makePlace()
  await copyFile(`${path}-wal`, `${crashed.path}-wal`)
  await writeFile(crashed.path, 'this was never a database'.repeat(1000))

  const after = crashed.open()

  expect(await after.findUpload(id)).toBeNull()
  expect(crashed.log.entries).toMatchObject([{ level: 'warn' }])
  await insertUpload(after, makeUpload(), 'token')
  expect(await after.uploadsInState('receiving')).toHaveLength(1)
})

test('a ledger that was emptied beside its log is no new one: it is moved aside with a warning', async () => {
  const { path, open } = await makePlace()
  await insertUpload(open(), makeUpload(), 'token')
  const crashed = await makePlace()
  await copyFile(`${path}-wal`, `${crashed.path}-wal`)
  await writeFile(crashed.path, '')

  crashed.open()

  expect(crashed.log.entries).toMatchObject([{ level: 'warn' }])
})

test.each([
  ['an upload', `UPDATE uploads SET size = 9007199254740993 WHERE id = 'upload-7'`],
  ['a state', `PRAGMA ignore_check_constraints = 1; UPDATE uploads SET state = 'recei\x01ing'`],
  ['a digest', `UPDATE chunks SET digest = x'00'`],
  ['a document', `UPDATE transfers SET document = '{"id":'`],
  ['a webhook', `UPDATE outbox SET payload = 'noise'`],
  [
    'a chunk without an upload',
    `PRAGMA foreign_keys = 0; UPDATE chunks SET upload_id = 'gone' WHERE chunk_index = 0`,
  ],
])('a ledger in which %s went bad inside its page is moved aside', async (_name, sql) => {
  const { open, path, log } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload({ id: 'upload-7' }), 'token')
  await before.acceptChunk(
    'upload-7',
    { index: 0, size: 1000, digest: DIGEST },
    { chunkSize: 1000, token: null, now: NOW },
  )
  await before.saveTransfer('upload-7', TRANSFER)
  await insertUpload(before, makeUpload({ id: 'done' }), 'token')
  const payload = {
    userId: 'u',
    fileName: 'f',
    messageId: 1,
    fileId: 'f',
    size: 1,
    mimeType: 'm',
    sha256: null,
  }
  await before.completeUpload('done', {
    result: { messageId: 1, fileId: 'f', digests: null },
    webhook: payload,
    library: null,
    now: NOW,
  })
  await before.close()
  await open().close()
  expect(log.entries).toEqual([])
  tamper(path, (database) => database.exec(sql))

  const after = open()

  expect(await after.uploadsInState('receiving')).toEqual([])
  expect(log.entries).toMatchObject([{ level: 'warn' }])
})

test.each([
  ['emptied', (path: string) => writeFile(path, '')],
  ['left without its tables', replaceByNothing],
])('a ledger that was %s is no new one: it is moved aside with a warning', async (_name, empty) => {
  const { path, open, log } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload(), 'token')
  await before.close()
  await empty(path)

  await insertUpload(open(), makeUpload(), 'token')

  expect(log.entries).toMatchObject([
    { level: 'warn', message: expect.stringContaining('moved aside') },
  ])
  expect(await readdir(join(path, '..'))).toContainEqual(
    expect.stringMatching(/^ledger\.damaged-\d+$/),
  )
})

/** A killed worker's files, of which only the log holds the upload. */
async function makeCrashed() {
  const { path, open } = await makePlace()
  const before = open()
  await insertUpload(before, makeUpload({ id: 'old' }), 'token')
  await before.checkpoint()
  await insertUpload(before, makeUpload({ id: 'first in the log' }), 'token')
  await insertUpload(before, makeUpload({ id: 'last in the log' }), 'token')
  const crashed = await makePlace()
  for (const end of ['', '-wal']) await copyFile(path + end, crashed.path + end)
  return { ...crashed, walPath: `${crashed.path}-wal` }
}

test('the log of a worker that was killed is read to its end, without a word', async () => {
  const { open, log } = await makeCrashed()

  const ledger = open()

  expect(await ledger.uploadsInState('receiving')).toHaveLength(3)
  expect(log.entries).toEqual([])
})

test.each([
  ['noise', (path: string) => writeFile(path, randomBytes(20_000))],
  ['zeros', (path: string) => writeFile(path, Buffer.alloc(20_000))],
  ['a few bytes', (path: string) => truncate(path, 20)],
  ['another header', (path: string) => overwrite(path, 8, 12)],
])(
  'a log that is only %s is kept aside, and the database is used without it',
  async (_name, damage) => {
    const { path, walPath, open, log } = await makeCrashed()
    await damage(walPath)
    const damaged = await readFile(walPath)

    const ledger = open()

    expect(await ledger.uploadsInState('receiving')).toMatchObject([{ id: 'old' }])
    expect(log.entries).toMatchObject([
      { level: 'warn', message: expect.stringContaining('since it was begun is lost') },
    ])
    expect(await keptLog(path)).toEqual(damaged)
    await insertUpload(ledger, makeUpload({ id: 'new' }), 'token')
    await ledger.close()
    const again = open()
    expect((await again.uploadsInState('receiving')).map((upload) => upload.id)).toEqual([
      'old',
      'new',
    ])
    expect(log.entries).toHaveLength(1)
  },
)

test('beside a log that cannot be read a database without tables is no ledger: both are moved aside', async () => {
  const { path, walPath, open, log } = await makeCrashed()
  await replaceByNothing(path)
  await writeFile(walPath, randomBytes(20_000))

  const ledger = open()

  expect(await ledger.uploadsInState('receiving')).toEqual([])
  expect(log.entries).toMatchObject([
    { level: 'warn', message: expect.stringContaining('moved aside') },
  ])
  await insertUpload(ledger, makeUpload(), 'token')
})

test('a log that went bad at its end is read up to there; a copy is kept, with a warning', async () => {
  const { path, walPath, open, log } = await makeCrashed()
  const whole = await readFile(walPath)
  // In a page of the last write; what stands before it is good.
  await overwrite(walPath, whole.length - 2000, whole.length - 1900)
  const damaged = await readFile(walPath)

  const ledger = open()

  expect(await ledger.findUpload('first in the log')).not.toBeNull()
  expect(await ledger.findUpload('last in the log')).toBeNull()
  expect(log.entries).toMatchObject([
    { level: 'warn', message: expect.stringContaining('written last is lost') },
  ])
  expect(await keptLog(path)).toEqual(damaged)
})

test('a log that was cut in the middle of a write lost nothing that was acknowledged', async () => {
  const { walPath, open, log } = await makeCrashed()
  await truncate(walPath, (await readFile(walPath)).length - 100)

  const ledger = open()

  expect(await ledger.findUpload('first in the log')).not.toBeNull()
  expect(log.entries).toEqual([])
})

test('the files of a ledger are their owner’s alone', async () => {
  const { path, open } = await makePlace()
  await insertUpload(open(), makeUpload(), 'token')

  for (const end of ['', '-wal', '-shm']) {
    expect([end, (await stat(path + end)).mode & 0o777]).toEqual([end, 0o600])
  }
})

test('a ledger of the first version is brought up to date with all that it holds', async () => {
  const { path, open } = await makePlace()
  const { id } = makeUpload()
  const before = open()
  await insertUpload(before, makeUpload(), 'token')
  await before.close()
  tamper(path, (database) =>
    database.exec(
      `DROP INDEX uploads_of_volumes; DROP TABLE ticket_epochs; DROP TABLE ticket_tokens; DROP TABLE streams; DROP TABLE clock;
       DROP INDEX uploads_cancelled; ALTER TABLE uploads DROP COLUMN cancelled;
       ALTER TABLE uploads DROP COLUMN last_percent; ALTER TABLE uploads DROP COLUMN retry_at;
       ALTER TABLE uploads DROP COLUMN modified_at; ALTER TABLE uploads DROP COLUMN caption_id;
       ALTER TABLE uploads DROP COLUMN sha256; ALTER TABLE uploads DROP COLUMN crc32;
       DROP TABLE receipts;
       DROP TABLE libraries; DROP TABLE library_files; DROP TABLE library_names;
       DROP TABLE library_folders; DROP TABLE library_folder_posts;
       ALTER TABLE uploads DROP COLUMN folder; ALTER TABLE uploads DROP COLUMN folder_id;
       ALTER TABLE uploads DROP COLUMN given_name; ALTER TABLE uploads DROP COLUMN replaces;
       ALTER TABLE uploads DROP COLUMN replaces_in; DROP TABLE library_items;
       DROP TABLE library_jobs; DROP TABLE library_folder_drafts; DROP TABLE thumbnails;
       ALTER TABLE uploads DROP COLUMN volume_bytes; ALTER TABLE uploads DROP COLUMN posted_volumes;
       ALTER TABLE uploads DROP COLUMN freed_chunks; ALTER TABLE uploads DROP COLUMN volume_channel;
       ALTER TABLE uploads DROP COLUMN reserved; DROP TABLE volumes; DROP TABLE volume_cleanups;
       DROP TABLE library_volumes; DROP TABLE library_item_volumes;
       DROP TABLE transfers; DROP TABLE acknowledged_parts;
       CREATE TABLE transfers (
         upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE, road TEXT NOT NULL,
         parts_holder TEXT NOT NULL, file_id TEXT NOT NULL, started_at INTEGER NOT NULL, document TEXT,
         random_id TEXT, newest_message_id INTEGER, post_attempts INTEGER NOT NULL) STRICT;
       CREATE TABLE acknowledged_parts (
         upload_id TEXT PRIMARY KEY REFERENCES uploads ON DELETE CASCADE, bitmap BLOB NOT NULL) STRICT;
       INSERT INTO transfers VALUES ('${id}', 'mtproto-bot', 'f00d', '42', 7, NULL, '9', 8, 1);
       INSERT INTO acknowledged_parts VALUES ('${id}', x'01ff');
       DROP TABLE archives; DROP TABLE share_visits; DROP TABLE shares; DROP TABLE share_logins;
       PRAGMA user_version = 1`,
    ),
  )

  const after = open()

  expect(await after.uploadToken(id)).toBe('token')
  expect(await after.findUpload(id)).toMatchObject({
    modifiedAt: null,
    captionId: expect.stringMatching(/^[0-9a-f]{32}$/),
    folder: [],
    replaces: null,
  })
  expect(await after.transfer(id)).toMatchObject({ fileId: '42', randomId: '9', postAttempts: 1 })
  expect(await after.acknowledgedParts(id)).toEqual(Uint8Array.of(1, 255))
  expect(await after.reservations()).toMatchObject({ reservedBytes: makeUpload().size })
  expect(await after.issueTicket('ann', null, 5000)).toBe(5)
  expect(await after.librarySync({ owner: 'ann', channelId: '-1' })).toBeNull()
})

test('a ledger of a later version is refused with a sentence, and left as it is', async () => {
  const { path, open, log } = await makePlace()
  await open().close()
  tamper(path, (database) => database.exec('PRAGMA user_version = 999'))

  expect(() => open()).toThrow('later version')

  expect(log.entries).toEqual([])
  expect(await readdir(join(path, '..'))).not.toContainEqual(expect.stringContaining('damaged'))
})

test('a transaction that breaks in the middle leaves nothing of itself', async () => {
  const { path, open } = await makePlace()
  const ledger = open()
  await insertUpload(ledger, makeUpload(), 'token')
  // The last statement of completing is the webhook's: it will fail.
  tamper(path, (database) => database.exec('DROP TABLE outbox'))
  const payload = {
    userId: 'u',
    fileName: 'f',
    messageId: 1,
    fileId: 'f',
    size: 1,
    mimeType: 'm',
    sha256: null,
  }

  await expect(
    ledger.completeUpload(id, {
      result: { messageId: 1, fileId: 'f', digests: null },
      webhook: payload,
      library: null,
      now: NOW,
    }),
  ).rejects.toThrow('outbox')

  expect(await ledger.findUpload(id)).toEqual(makeUpload())
  expect(await ledger.uploadToken(id)).toBe('token')
  await ledger.touchUpload(id, NOW)
  expect((await ledger.findUpload(id))?.touchedAt).toBe(NOW)
})

test('a key that is not 32 bytes is refused', () => {
  const open = () =>
    openLedger({ path: ':memory:', key: randomBytes(16), log: createRecordingLog() })

  expect(open).toThrow('32 bytes')
})

async function makePlace() {
  const path = join(await makeTempDir(), 'ledger.sqlite')
  const log = createRecordingLog()
  const open = (key = KEY) => {
    const ledger = openLedger({ path, key, log })
    let closed = false
    const close = async (): Promise<void> => {
      if (!closed) await ledger.close()
      closed = true
    }
    onTestFinished(close)
    return { ...ledger, close }
  }
  return { path, open, log }
}

/** The copy of a log that was kept beside the ledger. */
async function keptLog(path: string): Promise<Buffer> {
  const names = await readdir(join(path, '..'))
  const aside = names.find((name) => /^ledger\.damaged-\d+-wal$/.test(name))
  return readFile(join(path, '..', aside ?? ''))
}

async function replaceByNothing(path: string): Promise<void> {
  await rm(path)
  // One page, and no table on it.
  tamper(path, (database) => database.exec('PRAGMA user_version = 1'))
}

function tamper(path: string, work: (database: DatabaseSync) => void): void {
  const database = new DatabaseSync(path)
  work(database)
  database.close()
}

function readSealedToken(path: string): Buffer {
  const database = new DatabaseSync(path)
  const token = database.prepare('SELECT token FROM uploads').get()?.token
  database.close()
  if (!(token instanceof Uint8Array)) throw new Error('no token')
  return Buffer.from(token)
}

async function overwrite(path: string, from: number, to: number): Promise<void> {
  const bytes = await readFile(path)
  randomBytes(to - from).copy(bytes, from)
  await writeFile(path, bytes)
}

async function replaceByForeign(path: string): Promise<void> {
  await writeFile(path, '')
  tamper(path, (database) => database.exec('CREATE TABLE songs (title TEXT)'))
}
