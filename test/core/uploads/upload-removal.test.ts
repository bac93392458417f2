import { expect, test } from 'vitest'
import type { EndedUpload, UploadOutcome } from '../../../src/core/ports/metrics.ts'
import type { Upload, UploadState } from '../../../src/core/ports/records.ts'
import { createUploadRemoval } from '../../../src/core/uploads/upload-removal.ts'
import { AppError } from '../../../src/errors.ts'

const ID = '0a0a0a0a-0000-4000-8000-000000000000'

type Removal = Extract<UploadOutcome, 'expired' | 'abandoned'>

test.each<[UploadState | 'gone', Removal, Removal[]]>([
  ['receiving', 'expired', ['expired']],
  ['receiving', 'abandoned', ['abandoned']],
  ['sealed', 'abandoned', ['abandoned']],
  ['completed', 'abandoned', []],
  ['failed', 'expired', []],
  ['cancelled', 'expired', []],
  ['gone', 'expired', []],
])('the removal of an upload that is %s, as %s, reports %j', async (state, outcome, reported) => {
  const { removal, ended } = start(state)

  await removal.remove(ID, outcome)

  expect(ended).toEqual(reported.map((each) => ({ uploadId: ID, outcome: each })))
})

test('what runs is stopped before the row goes, and the bytes go after the row', async () => {
  const { removal, steps } = start('receiving')

  await removal.remove(ID, 'expired')

  expect(steps).toEqual(['stop', 'delete row', 'remove bytes', 'forget progress', 'report'])
})

test('where the disk is too full to delete the row, the bytes make place for it', async () => {
  const full = new AppError('SPOOL_FULL', 'The disk is full')
  const { removal, steps } = start('receiving', { failures: [full] })

  await removal.remove(ID, 'expired')

  const inOrder = ['stop', 'remove bytes', 'delete row', 'forget progress', 'report']
  expect(steps).toEqual(inOrder)
})

test('an upload whose row cannot be deleted is not reported, and keeps its bytes', async () => {
  const { removal, steps } = start('receiving', { failures: [new Error('disk I/O error')] })

  await expect(removal.remove(ID, 'expired')).rejects.toThrow('disk I/O error')

  expect(steps).toEqual(['stop'])
})

function start(state: UploadState | 'gone', { failures = [] }: { failures?: Error[] } = {}) {
  const ended: EndedUpload[] = []
  const steps: string[] = []
  const upload: Upload = {
    id: ID,
    owner: 'ann',
    fileName: 'a.bin',
    mimeType: 'text/plain',
    size: 9,
    totalChunks: 1,
    chunkSize: null,
    state: state === 'gone' ? 'receiving' : state,
    createdAt: 0,
    touchedAt: 0,
    sealedAt: null,
    finishedAt: null,
    result: null,
    reason: null,
    lastPercent: null,
    retryAt: null,
  }
  const removal = createUploadRemoval({
    ledger: {
      findUpload: async () => (state === 'gone' ? null : upload),
      deleteUpload: async () => {
        const failure = failures.shift()
        if (failure) throw failure
        steps.push('delete row')
      },
    },
    spool: { remove: async () => void steps.push('remove bytes') },
    transfers: { stop: async () => void steps.push('stop') },
    progress: { forget: () => void steps.push('forget progress') },
    metrics: {
      ended: (report) => {
        steps.push('report')
        ended.push(report)
      },
    },
  })
  return { removal, ended, steps }
}
