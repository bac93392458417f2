import { expect, test, vi } from 'vitest'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import {
  createStreamService,
  type StreamServiceOptions,
} from '../../../src/core/uploads/stream-service.ts'
import { createKeyedLock } from '../../../src/lib/concurrency/keyed-lock.ts'
import { createPreemptibleLock } from '../../../src/lib/concurrency/preemptible-lock.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { createMemorySpool } from '../../helpers/storage/memory-spool.ts'
import { makeUpload } from '../../helpers/upload.ts'

const NOW = 1_762_700_000_000
const MINUTE = 60_000

/** Streams of one chunk that has come, as a node that is gone has left them. */
async function start() {
  const ledger = createMemoryLedger()
  const uploadLock = createPreemptibleLock(1_000)
  let now = NOW
  const complete = vi.fn(async (_id: string, _token: string | null) => neverAsked())
  const discard = vi.fn(async (_id: string) => {})
  const status = vi.fn(async (id: string) => {
    const upload = await ledger.findUpload(id)
    return upload ? { upload } : neverAsked()
  })
  const options = {
    ...{ ledger, uploadLock, spool: createMemorySpool(), locks: createKeyedLock() },
    uploads: { status, complete, discard, open: neverAsked },
    ...{ authenticate: neverAsked, authorize: neverAsked },
    ...{ workGate: createWorkGate(), log: createRecordingLog(), now: () => now },
    progress: { subscribe: () => () => {} },
    transfers: { chunkArrived: () => {}, sealed: () => {} },
    windows: { of: neverAsked },
    metrics: { received: () => {}, ended: () => {} },
    catalogue: ledger,
    ...{ maxFileBytes: MiB, maxVolumeBytes: MiB, maxWaitMs: MINUTE },
  } as unknown as StreamServiceOptions
  const streams = createStreamService(options)

  async function insert(id: string, { told = true, whole = true } = {}): Promise<void> {
    const upload = makeUpload({ id, size: 3, totalChunks: 1, createdAt: NOW, touchedAt: NOW })
    await insertUpload(ledger, upload, 'token', { metadata: null, concat: null })
    if (told) await ledger.announceStream(id)
    const chunk = { index: 0, size: 3, digest: '0'.repeat(64) }
    if (whole) await ledger.acceptChunk(id, chunk, { token: 'token', chunkSize: null, now: NOW })
  }

  const wait = (ms: number): void => {
    now += ms
  }
  return { streams, insert, wait, complete, discard, status, uploadLock }
}

function neverAsked(): never {
  throw new Error('nothing asks for this')
}

test('what another node has left whole is completed a minute later, and what no client knows removed', async () => {
  const { streams, insert, wait, complete, discard } = await start()
  await insert('whole')
  await insert('unknown', { told: false })

  await streams.resumeLeft()
  expect([complete.mock.calls, discard.mock.calls]).toEqual([[], []])
  wait(MINUTE + 1)
  await streams.resumeLeft()

  expect(complete.mock.calls).toContainEqual(['whole', null])
  expect(discard.mock.calls).toEqual([['unknown']])
})

test('a stream that waits for its client is looked at once, and one that a request has not at all', async () => {
  const { streams, insert, wait, status, uploadLock } = await start()
  await insert('waits', { whole: false })
  await insert('busy', { whole: false })
  await uploadLock.acquire('busy', () => {})
  wait(MINUTE + 1)

  for (let sweep = 0; sweep < 3; sweep++) await streams.resumeLeft()

  expect(status.mock.calls.map(([id]) => id)).toEqual(['waits'])
})
