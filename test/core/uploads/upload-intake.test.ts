import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { CANCELLED, REMEMBERED_CANCELLATIONS } from '../../../src/core/model/cancellation.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { Upload } from '../../../src/core/ports/records.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import {
  createUploadIntake,
  type FileDescription,
  type UploadIntakeOptions,
} from '../../../src/core/uploads/upload-intake.ts'
import { AppError, shuttingDown } from '../../../src/errors.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger, type MemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { createMemorySpool, type MemorySpool } from '../../helpers/storage/memory-spool.ts'
import { receive } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { failure, makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const EARLIER = NOW - 3_600_000
const ID = 'upload-1'
/** Ten bytes in chunks of four, four and two. */
const FILE: FileDescription = {
  id: ID,
  fileName: 'a.bin',
  mimeType: 'application/octet-stream',
  size: 10,
  modifiedAt: null,
  folder: [],
  onConflict: null,
  totalChunks: 3,
}
const CHUNKS = [randomBytes(4), randomBytes(4), randomBytes(2)] as const
const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}
const STREAM = { metadata: null, concat: null }
/** Those that a chunk could need. */
const LEDGER_CALLS = [
  'findUpload',
  'findChunk',
  'stream',
  'openUpload',
  'saveUploadToken',
  'acceptChunk',
  'touchUpload',
] as const

interface OpenCase {
  /** What is there before. */
  given?: (harness: Harness) => unknown
  file?: Partial<FileDescription>
  options?: Partial<UploadIntakeOptions>
  first?: { index: number; size: number }
  /** The code it rejects with, or 'opens' for a new row, 'resumes' for the row that is there. */
  outcome: string
}

const notConnected = new AppError('TELEGRAM_NOT_CONNECTED', 'no road')

test.each<[string, OpenCase]>([
  ['an unknown id opens an upload', { outcome: 'opens' }],
  ['a known id resumes its upload', { given: ({ insert }) => insert(), outcome: 'resumes' }],
  [
    'a known id resumes its upload once it is sealed',
    { given: ({ insert }) => insert({ state: 'sealed' }), outcome: 'resumes' },
  ],
  [
    'a known id resumes while the worker drains',
    {
      given: async ({ insert, workGate }) => {
        await insert()
        workGate.startDraining()
      },
      outcome: 'resumes',
    },
  ],
  [
    'an unknown id is refused while the worker drains',
    { given: ({ workGate }) => workGate.startDraining(), outcome: 'SHUTTING_DOWN' },
  ],
  [
    'an unknown id is refused after the worker has ended its work',
    { given: ({ workGate }) => workGate.close(shuttingDown()), outcome: 'SHUTTING_DOWN' },
  ],
  [
    'a known id with another size is refused',
    { given: ({ insert }) => insert(), file: { size: 11 }, outcome: 'UPLOAD_DIFFERS' },
  ],
  [
    'a known id with another number of chunks is refused',
    { given: ({ insert }) => insert(), file: { totalChunks: 2 }, outcome: 'UPLOAD_DIFFERS' },
  ],
  [
    'the id of a stream is refused to an upload in chunks',
    { given: ({ insert }) => insert({}, STREAM), outcome: 'UPLOAD_DIFFERS' },
  ],
  [
    'a cancelled id is refused',
    { given: ({ insert, cancel }) => insert().then(cancel), outcome: 'UPLOAD_CANCELLED' },
  ],
  [
    "another user's id is refused as unknown",
    { given: ({ insert }) => insert({ owner: 'bob' }), outcome: 'UPLOAD_NOT_FOUND' },
  ],
  [
    "another user's id is refused by the share as a free one is",
    {
      given: ({ insert }) => insert({ owner: 'bob' }),
      options: { perUser: { maxUploads: 9, maxBytes: 9 } },
      outcome: 'QUOTA_EXCEEDED',
    },
  ],
  [
    "another user's id is refused for its first chunk as a free one is",
    {
      given: ({ insert }) => insert({ owner: 'bob' }),
      first: { index: 0, size: 9 },
      outcome: 'CHUNK_SIZE_WRONG',
    },
  ],
  ['an empty file is refused', { file: { size: 0, totalChunks: 1 }, outcome: 'EMPTY_FILE' }],
  [
    'a file with more chunks than bytes is refused',
    { file: { totalChunks: 11 }, outcome: 'INVALID_REQUEST' },
  ],
  ['a file of the largest size allowed opens', { options: { maxFileBytes: 10 }, outcome: 'opens' }],
  [
    'a file over the size allowed is refused',
    { options: { maxFileBytes: 9 }, outcome: 'FILE_TOO_LARGE' },
  ],
  [
    'a wait of the account that a job can sit out opens',
    { given: ({ gateway }) => gateway.waitFor.mockReturnValue(60), outcome: 'opens' },
  ],
  [
    'a wait of the account that is longer than a job lives is refused',
    {
      given: ({ gateway }) => gateway.waitFor.mockReturnValue(61),
      outcome: 'TELEGRAM_FLOOD_WAIT',
    },
  ],
  [
    'the last upload of a share opens',
    {
      given: ({ insert }) => insert({ id: 'other' }),
      options: { perUser: { maxUploads: 2, maxBytes: 20 } },
      outcome: 'opens',
    },
  ],
  [
    'one upload more than the share has is refused',
    {
      given: ({ insert }) => insert({ id: 'other' }),
      options: { perUser: { maxUploads: 1, maxBytes: 20 } },
      outcome: 'TOO_MANY_UPLOADS',
    },
  ],
  [
    'one byte more than the share has is refused',
    {
      given: ({ insert }) => insert({ id: 'other' }),
      options: { perUser: { maxUploads: 2, maxBytes: 19 } },
      outcome: 'QUOTA_EXCEEDED',
    },
  ],
  [
    'a share does not count what has ended',
    {
      given: async ({ insert, ledger }) => {
        await insert({ id: 'other' })
        await ledger.failUpload('other', failure('No', NOW))
      },
      options: { perUser: { maxUploads: 1, maxBytes: 10 } },
      outcome: 'opens',
    },
  ],
  [
    'a spool without capacity is refused',
    { given: ({ limitCapacity }) => limitCapacity(9), outcome: 'SPOOL_FULL' },
  ],
  [
    'a disk without room for the file is refused',
    { given: ({ limitDisk }) => limitDisk(9), outcome: 'SPOOL_FULL' },
  ],
  [
    'a disk with room for what is missing behind the first chunk opens',
    { given: ({ limitDisk }) => limitDisk(6), first: { index: 0, size: 4 }, outcome: 'opens' },
  ],
  [
    'a spool that has capacity once expired uploads are gone opens',
    {
      given: ({ limitCapacity, expireByteless }) => {
        limitCapacity(9)
        expireByteless.mockImplementationOnce(async () => limitCapacity(10))
      },
      outcome: 'opens',
    },
  ],
  [
    'a row that the disk does not take is refused',
    { given: ({ ledger, refuse }) => refuse(ledger, 'openUpload'), outcome: 'SPOOL_FULL' },
  ],
  ['a first chunk that fits opens its upload', { first: { index: 0, size: 4 }, outcome: 'opens' }],
  [
    'a first chunk of a wrong size opens nothing',
    { first: { index: 0, size: 3 }, outcome: 'CHUNK_SIZE_WRONG' },
  ],
  [
    'a first chunk beyond the last opens nothing',
    { first: { index: 3, size: 4 }, outcome: 'CHUNK_OUT_OF_RANGE' },
  ],
  [
    'a first chunk of a wrong size is refused by the share first',
    {
      first: { index: 0, size: 3 },
      options: { perUser: { maxUploads: 1, maxBytes: 9 } },
      outcome: 'QUOTA_EXCEEDED',
    },
  ],
  [
    'an upload that another request opens meanwhile is resumed',
    {
      given: ({ ledger, insert }) => ledger.before('openUpload', async () => void (await insert())),
      outcome: 'resumes',
    },
  ],
  [
    'an upload that another user opens meanwhile is refused as unknown',
    {
      given: ({ ledger, insert }) =>
        ledger.before('openUpload', async () => void (await insert({ owner: 'bob' }))),
      outcome: 'UPLOAD_NOT_FOUND',
    },
  ],
  [
    'an upload that is opened and cancelled meanwhile is refused',
    {
      given: ({ ledger, insert, cancel }) =>
        ledger.before('openUpload', () => insert().then(cancel)),
      outcome: 'UPLOAD_CANCELLED',
    },
  ],
])('open: %s', async (_name, { given, file, options, first, outcome }) => {
  const harness = start(options)
  await given?.(harness)
  const { intake, ledger } = harness

  const opened = await intake
    .openOrResume({ ...FILE, ...file }, ANN, 'new token', first)
    .catch((error: unknown) => error)

  const row = await ledger.findUpload(ID)
  if (outcome === 'opens') {
    const { onConflict: _, ...described } = FILE
    expect(opened).toEqual({
      ...makeUpload({ ...described, owner: 'ann', createdAt: NOW, touchedAt: NOW }),
      captionId: expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(row).toEqual(opened)
  } else if (outcome === 'resumes') {
    expect(row).toMatchObject({ owner: 'ann', createdAt: EARLIER })
    expect(opened).toEqual(row)
  } else expect(opened).toMatchObject({ code: outcome })
  const isTaken = outcome === 'opens' || outcome === 'resumes'
  expect((await ledger.uploadToken(ID)) === 'new token').toBe(isTaken)
})

test('openOrResume: a part of a file is refused only for a wait on every road', async () => {
  const { intake, gateway } = start()
  gateway.waitFor.mockImplementation((_granted, size) => (size === null ? 0 : 3_600))
  const part = { ...FILE, stream: { metadata: null, concat: 'partial' } }

  await expect(intake.openOrResume(part, ANN, 'token')).resolves.toMatchObject({
    state: 'receiving',
  })

  const whole = intake.openOrResume({ ...part, id: 'whole', stream: STREAM }, ANN, 'token')
  await expect(whole).rejects.toMatchObject({ code: 'TELEGRAM_FLOOD_WAIT', retryAfter: 3_600 })
})

test('openOrResume: expired uploads are removed only where there is no capacity', async () => {
  const { intake, limitCapacity, expireByteless } = start()

  await intake.openOrResume(FILE, ANN, 'token')
  expect(expireByteless).not.toHaveBeenCalled()
  limitCapacity(15)
  await intake.openOrResume({ ...FILE, id: 'next' }, ANN, 'token').catch(() => {})

  expect(expireByteless).toHaveBeenCalledTimes(1)
})

test('openOrResume: what a user has unfinished is said in the refusal', async () => {
  const over = (perUser: UploadIntakeOptions['perUser']) => start({ perUser })
  const many = over({ maxUploads: 1, maxBytes: 100 })
  await many.insert({ id: 'other' })
  const large = over({ maxUploads: 9, maxBytes: 15 })
  await large.insert({ id: 'other' })

  await expect(many.intake.openOrResume(FILE, ANN, 'token')).rejects.toMatchObject({
    retryAfter: 20,
    details: { maxUploads: 1 },
  })
  await expect(large.intake.openOrResume(FILE, ANN, 'token')).rejects.toMatchObject({
    retryAfter: 20,
    details: { maxBytes: 15, heldBytes: 10 },
  })
})

interface TakeCase {
  /** What is there before, beside the open upload. */
  given?: (harness: Harness) => unknown
  index?: number
  bytes?: Buffer
  /** The code it rejects with, or 'accepted' for a new chunk, 'repeated' for one that is there. */
  outcome: string
  /** How many chunks the upload has afterwards. */
  count: number
}

test.each<[string, TakeCase]>([
  ['the first chunk is accepted', { outcome: 'accepted', count: 1 }],
  [
    'the last chunk is accepted before the others',
    { index: 2, bytes: CHUNKS[2], outcome: 'accepted', count: 1 },
  ],
  [
    'chunks are accepted in any order',
    {
      given: ({ accept }) => accept(2).then(() => accept(1)),
      outcome: 'accepted',
      count: 3,
    },
  ],
  [
    'a chunk of a wrong size is refused',
    { bytes: randomBytes(3), outcome: 'CHUNK_SIZE_WRONG', count: 0 },
  ],
  [
    'a chunk of another size than the first is refused',
    {
      given: ({ accept }) => accept(0),
      index: 1,
      bytes: randomBytes(5),
      outcome: 'CHUNK_SIZE_WRONG',
      count: 1,
    },
  ],
  ['a chunk beyond the last is refused', { index: 3, outcome: 'CHUNK_OUT_OF_RANGE', count: 0 }],
  [
    'the same chunk again is answered as before',
    { given: ({ accept }) => accept(0), outcome: 'repeated', count: 1 },
  ],
  [
    'other bytes for a chunk that is there are refused',
    {
      given: ({ accept }) => accept(0),
      bytes: randomBytes(4),
      outcome: 'CHUNK_DIFFERS',
      count: 1,
    },
  ],
  [
    'the same chunk again is answered after complete',
    {
      given: async ({ accept, ledger }) => {
        for (const index of [0, 1, 2]) await accept(index)
        await ledger.sealUpload(ID, NOW)
      },
      outcome: 'repeated',
      count: 3,
    },
  ],
  [
    'a late chunk is refused after the upload has failed',
    {
      given: ({ ledger }) => ledger.failUpload(ID, failure('No', NOW)),
      outcome: 'UPLOAD_CLOSED',
      count: 0,
    },
  ],
  [
    'a late chunk is refused after the upload is in Telegram',
    {
      given: ({ ledger }) =>
        ledger.completeUpload(ID, {
          result: { messageId: 1, fileId: 'f', digests: null },
          webhook: null,
          library: null,
          now: NOW,
        }),
      outcome: 'UPLOAD_CLOSED',
      count: 0,
    },
  ],
  [
    'a chunk is refused whose upload is cancelled before its row is written',
    {
      given: ({ ledger, cancel }) => ledger.before('acceptChunk', cancel),
      outcome: 'UPLOAD_CANCELLED',
      count: 0,
    },
  ],
  [
    'a chunk is refused whose upload fails before its row is written',
    {
      given: ({ ledger }) =>
        ledger.before('acceptChunk', async () => {
          await ledger.failUpload(ID, failure('No', NOW))
        }),
      outcome: 'UPLOAD_CLOSED',
      count: 0,
    },
  ],
  [
    'a chunk is refused whose upload expires before its row is written',
    {
      given: ({ ledger }) =>
        ledger.before('acceptChunk', async () => {
          await ledger.deleteUpload(ID)
        }),
      outcome: 'UPLOAD_NOT_FOUND',
      count: 0,
    },
  ],
  [
    'a chunk is refused whose upload is cut in other sizes at another node meanwhile',
    {
      given: ({ ledger }) =>
        ledger.before('acceptChunk', async () => {
          const other = { index: 1, size: 5, digest: '00'.repeat(32) }
          await ledger.acceptChunk(ID, other, { chunkSize: 5, token: null, now: NOW })
        }),
      outcome: 'CHUNK_SIZE_WRONG',
      count: 1,
    },
  ],
  [
    'a chunk is refused whose row the disk does not take',
    {
      given: ({ ledger, refuse }) => refuse(ledger, 'acceptChunk'),
      outcome: 'SPOOL_FULL',
      count: 0,
    },
  ],
])('take: %s', async (_name, { given, index = 0, bytes = CHUNKS[0], outcome, count }) => {
  const harness = start()
  const { intake, ledger, spool, transfers, metrics } = harness
  await harness.insert()
  await given?.(harness)
  const upload = (await ledger.findUpload(ID)) ?? makeUpload({ ...FILE, owner: 'ann' })
  transfers.chunkArrived.mockClear()
  metrics.received.mockClear()

  const received = await receive(spool, pieceOf(bytes))
  const answer = await intake
    .acceptChunk(upload.id, index, received)
    .catch((error: unknown) => error)

  const isAnswered = outcome === 'accepted' || outcome === 'repeated'
  if (isAnswered) expect(answer).toMatchObject({ index, receivedChunks: count })
  else expect(answer).toMatchObject({ code: outcome })
  expect(await ledger.chunks(ID)).toHaveLength(count)
  expect(transfers.chunkArrived.mock.calls).toEqual(
    outcome === 'accepted' ? [[expect.objectContaining({ id: ID, chunkSize: 4 }), index]] : [],
  )
  expect(metrics.received.mock.calls).toEqual(outcome === 'accepted' ? [[bytes.length]] : [])
  await received.discard()
  expect(spool.unclaimed).toBe(0)
  const chunk = (await ledger.findChunk(ID, index))?.chunk ?? null
  expect(await bytesIn(spool, index)).toEqual(chunk && (CHUNKS[index] ?? null))
})

test('take: a chunk is refused that comes to another node meanwhile, with other bytes', async () => {
  const { intake, ledger, spool, insert } = start()
  await insert()
  const first = { index: 0, size: 4, digest: '00'.repeat(32) }
  ledger.before('acceptChunk', async () => {
    await ledger.acceptChunk(ID, first, { chunkSize: 4, token: null, now: NOW })
  })

  const answer = intake.acceptChunk(ID, 0, await receive(spool, pieceOf(CHUNKS[0])))

  await expect(answer).rejects.toMatchObject({ code: 'CHUNK_DIFFERS', details: { chunkIndex: 0 } })
  expect(await ledger.chunks(ID)).toEqual([first])
})

interface ChunkCase {
  given?: (harness: Harness) => unknown
  file?: Partial<FileDescription>
  index?: number
  bytes?: Buffer
  /** The code it rejects with, or how many chunks there are then. */
  outcome: string | number
}

test.each<[string, ChunkCase]>([
  ['the first chunk opens its upload', { outcome: 1 }],
  ['a chunk goes on', { given: ({ insert }) => insert(), outcome: 1 }],
  [
    'the next chunk goes on while the worker drains',
    {
      given: async ({ insert, accept, workGate }) => {
        await insert()
        await accept(0)
        workGate.startDraining()
      },
      index: 1,
      outcome: 2,
    },
  ],
  [
    'a chunk that is there is answered as before',
    { given: ({ insert, accept }) => insert().then(() => accept(0)), outcome: 1 },
  ],
  ['a chunk of a wrong size opens nothing', { bytes: randomBytes(3), outcome: 'CHUNK_SIZE_WRONG' }],
  [
    'a chunk of another file is refused',
    { given: ({ insert }) => insert(), file: { size: 11 }, outcome: 'UPLOAD_DIFFERS' },
  ],
  [
    'a chunk of a stream is refused',
    { given: ({ insert }) => insert({}, STREAM), outcome: 'UPLOAD_DIFFERS' },
  ],
  [
    'a chunk of a cancelled upload is refused',
    { given: ({ insert, cancel }) => insert().then(cancel), outcome: 'UPLOAD_CANCELLED' },
  ],
  [
    "a chunk for another user's id is refused as unknown",
    { given: ({ insert }) => insert({ owner: 'bob' }), outcome: 'UPLOAD_NOT_FOUND' },
  ],
  [
    'a chunk that finds its upload opened meanwhile goes on',
    {
      given: ({ ledger, insert }) => ledger.before('openUpload', async () => void (await insert())),
      outcome: 1,
    },
  ],
])('takeChunk: %s', async (_name, { given, file, index = 0, bytes, outcome }) => {
  const harness = start()
  const { intake, ledger, spool } = harness
  await given?.(harness)
  const received = await receive(spool, pieceOf(bytes ?? CHUNKS[index] ?? Buffer.alloc(0)))
  const caller = { granted: ANN, token: 'new token' }

  const answer = await intake
    .takeChunk({ ...FILE, ...file }, { index, received }, caller)
    .catch((error: unknown) => error)

  await received.discard()
  expect(spool.unclaimed).toBe(0)
  if (typeof outcome === 'string') {
    expect(answer).toMatchObject({ code: outcome })
    expect(await ledger.chunks(ID)).toEqual([])
    return
  }
  expect(answer).toMatchObject({ index, receivedChunks: outcome })
  expect(await ledger.chunks(ID)).toHaveLength(outcome)
  expect(await ledger.uploadToken(ID)).toBe('new token')
  expect((await ledger.findUpload(ID))?.touchedAt).toBe(NOW)
})

test('takeChunk: of an upload that is open it asks the ledger twice', async () => {
  const { intake, ledger, spool, insert } = start()
  await insert()
  const received = await receive(spool, pieceOf(CHUNKS[0]))
  const calls: string[] = []
  for (const name of LEDGER_CALLS) ledger.before(name, async () => void calls.push(name))

  await intake.takeChunk(FILE, { index: 0, received }, { granted: ANN, token: 'token' })

  expect(calls).toEqual(['findChunk', 'acceptChunk'])
})

test('acceptChunk: a chunk that is there keeps its upload alive', async () => {
  const { intake, ledger, spool, insert, accept } = start()
  await insert()
  await accept(0)
  await ledger.touchUpload(ID, EARLIER)
  const upload = await ledger.findUpload(ID)
  if (!upload) throw new Error('no upload')

  await intake.acceptChunk(upload.id, 0, await receive(spool, pieceOf(CHUNKS[0])))

  expect((await ledger.findUpload(ID))?.touchedAt).toBe(NOW)
})

test('acceptChunk: a claim that fails rejects with its error, whatever becomes of the file', async () => {
  const { intake, log, insert } = start()
  const upload = await insert()
  const full = new AppError('SPOOL_FULL', 'full')
  const received = {
    size: 4,
    digest: 'digest',
    read: () => pieceOf(CHUNKS[0]),
    claim: async () => Promise.reject(full),
    unclaim: async () => Promise.reject(new Error('read-only')),
    discard: async () => {},
  }

  await expect(intake.acceptChunk(upload.id, 0, received)).rejects.toBe(full)

  expect(log.entries).toMatchObject([{ level: 'warn', fields: { uploadId: ID } }])
})

test('a file that is larger than a document of its account goes as volumes, unless it is a part', async () => {
  const { intake, ledger, limits } = start()
  limits.documentBytes = 9
  const part = { ...FILE, id: 'part', stream: { metadata: null, concat: 'partial' } }

  await intake.openOrResume(FILE, ANN, 't')
  await intake.openOrResume(part, ANN, 't')

  expect(await ledger.findUpload(ID)).toMatchObject({ volumeBytes: MiB })
  expect(await ledger.findUpload('part')).toMatchObject({ volumeBytes: null })
})

test('what a file of volumes reserves holds two of its chunks, however large they turn out', async () => {
  const { intake, ledger, limitCapacity, limitDisk } = start({
    maxFileBytes: 100 * MiB,
    maxVolumeBytes: 4 * MiB,
    perUser: { maxUploads: 10, maxBytes: 50 * MiB },
  })
  limitCapacity(500 * MiB)
  limitDisk(500 * MiB)
  const open = (id: string, size: number, first?: { index: number; size: number }) =>
    intake.openOrResume({ ...FILE, id, size }, { ...ANN, userId: id }, 't', first)

  // Two chunks of three may be almost all of it.
  const code = 'FILE_TOO_LARGE'
  await expect(open('unknown', 60 * MiB)).rejects.toMatchObject({ code })
  const uneven = open('uneven', 58 * MiB + 1, { index: 1, size: 29 * MiB })
  await expect(uneven).rejects.toMatchObject({ code })
  await open('even', 60 * MiB, { index: 1, size: 20 * MiB })

  expect((await ledger.reservations()).reservedBytes).toBe(2 * MiB + 2 * 20 * MiB)
})

test('a part for which there is no room is refused with a word about what would have', async () => {
  const { intake, limitCapacity } = start()
  limitCapacity(9)
  const part = { ...FILE, stream: { metadata: null, concat: 'partial' } }

  await expect(intake.openOrResume(part, ANN, 't')).rejects.toMatchObject({
    code: 'SPOOL_FULL',
    message: expect.stringContaining('send it with parallelUploads: 1'),
  })
})

test('a chunk that is further ahead than two volumes is left as it is, and taken once it is within reach', async () => {
  const { intake, insert, ledger, spool, window } = start()
  // Volumes of two bytes: the first chunk, and no more, completes the first of them.
  await insert({ volumeBytes: 2, chunkSize: 4 })
  const take = async (index: 0 | 1 | 2) => {
    const received = await receive(spool, pieceOf(CHUNKS[index]))
    const taken = await intake.takeChunk(FILE, { index, received }, { granted: ANN, token: 't' })
    await received.discard()
    return taken
  }

  expect(await take(1)).toEqual({
    upload: { id: ID, owner: 'ann', size: 10, volumeBytes: 2 },
    beyond: { end: 8, bytes: 4, chunkBytes: 4 },
  })
  expect(await ledger.chunks(ID)).toEqual([])
  expect(await ledger.uploadToken(ID)).toBe('t')
  expect(await take(0)).toMatchObject({ receivedChunks: 1 })
  window.posted = 4
  expect(await take(1)).toMatchObject({ receivedChunks: 2 })
  // What is there already is never held.
  window.posted = 0
  expect(await take(1)).toMatchObject({ receivedChunks: 2 })
})

test('what Telegram can never take does not refuse a caller that waits for the end', () => {
  const { intake, gateway } = start()
  const down = new AppError('TELEGRAM_UNAVAILABLE', 'down', { retryAfter: 5 })

  gateway.assertReachable.mockImplementationOnce(() => {
    throw notConnected
  })
  expect(() => intake.assertReachable(ANN, 10)).not.toThrow()

  gateway.assertReachable.mockImplementationOnce(() => {
    throw down
  })
  expect(() => intake.assertReachable(ANN, 10)).toThrow(down)
})

type Harness = ReturnType<typeof start>

function start(changes: Partial<UploadIntakeOptions> = {}) {
  const ledger = createMemoryLedger()
  const spool = createMemorySpool()
  const workGate = createWorkGate()
  const log = createRecordingLog()
  const capacity = { limitBytes: 1_000, freeBytes: 1_000 }
  const limitCapacity = (bytes: number): void => {
    capacity.limitBytes = bytes
  }
  const limitDisk = (bytes: number): void => {
    capacity.freeBytes = bytes
  }
  const expireByteless = vi.fn(async () => {})
  /** Of one document, and of one volume. */
  const limits = { documentBytes: 2_000, volumeBytes: 2_000 }
  const window = { posted: 0, isOver: false, until: async () => true }
  const gateway = {
    documentLimits: () => limits,
    assertReachable: vi.fn(() => {}),
    waitFor: vi.fn((_granted: Credentials, _size: number | null) => 0),
  }
  const transfers = {
    chunkArrived: vi.fn(),
    sealed: () => {},
    stop: async () => {},
    resume: async () => {},
    isActive: () => false,
    idle: async () => {},
    has: () => true,
  }
  const metrics = { received: vi.fn(), ended: vi.fn() }
  const intake = createUploadIntake({
    ledger,
    catalogue: ledger,
    gateway,
    workGate,
    transfers,
    metrics,
    capacity: {
      available: async (presentBytes) => ({ ...capacity, presentBytes }),
      fits: async () => true,
      totalBytes: async () => capacity.limitBytes,
    },
    windows: { of: async () => window },
    expireByteless,
    maxFileBytes: 100,
    maxVolumeBytes: 1_000,
    maxWaitMs: 60_000,
    perUser: { maxUploads: 10, maxBytes: 100 },
    now: () => NOW,
    log,
    ...changes,
  })

  /** An upload of Ann's from before, unless a field says otherwise. */
  async function insert(
    fields: Partial<Upload> = {},
    stream: typeof STREAM | null = null,
  ): Promise<Upload> {
    const times = { createdAt: EARLIER, touchedAt: EARLIER }
    const { id, fileName, mimeType, size, totalChunks } = FILE
    const file = { id, fileName, mimeType, size, totalChunks }
    const upload = makeUpload({ ...file, ...times, owner: 'ann', ...fields })
    await insertUpload(ledger, upload, 'old token', stream)
    return upload
  }

  async function cancel(): Promise<void> {
    const cancelled = { reason: CANCELLED, percent: 0, now: NOW }
    await ledger.cancelUpload(ID, cancelled, REMEMBERED_CANCELLATIONS)
  }

  async function accept(index: number): Promise<void> {
    const upload = await ledger.findUpload(ID)
    const received = await receive(spool, pieceOf(CHUNKS[index] ?? Buffer.alloc(0)))
    if (upload) await intake.acceptChunk(upload.id, index, received)
    await received.discard()
  }

  function refuse(refusing: MemoryLedger, call: Parameters<MemoryLedger['before']>[0]): void {
    refusing.before(call, () => Promise.reject(new AppError('SPOOL_FULL', 'the disk is full')))
  }

  return {
    ...{
      intake,
      ledger,
      spool,
      workGate,
      log,
      limitCapacity,
      limitDisk,
      expireByteless,
      gateway,
      transfers,
      metrics,
      limits,
      window,
    },
    ...{ insert, cancel, accept, refuse },
  }
}

/** What the spool has for one chunk. */
async function bytesIn(spool: MemorySpool, index: number): Promise<Buffer | null> {
  const size = await spool.chunkFileSize(spoolUpload(ID), index)
  if (size === null) return null
  const target = Buffer.alloc(size)
  await spool.read(spoolUpload(ID), { size: FILE.size, chunkSize: 4 }, index * 4, target)
  return target
}

async function* pieceOf(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes
}
