import type { Failure } from '../../src/core/ports/ledger.ts'
import type { Upload } from '../../src/core/ports/records.ts'

/** An upload of two chunks that has just begun, for tests to vary. */
export function makeUpload(fields: Partial<Upload> = {}): Upload {
  return {
    id: '1762700000000_k3j9x0a2b',
    owner: 'user-1',
    fileName: 'Grüße "aus" /der\nFerne 🎉.bin',
    mimeType: 'application/octet-stream',
    size: 2000,
    totalChunks: 2,
    chunkSize: null,
    state: 'receiving',
    createdAt: 1_762_700_000_000,
    touchedAt: 1_762_700_000_000,
    sealedAt: null,
    finishedAt: null,
    result: null,
    reason: null,
    lastPercent: null,
    retryAt: null,
    modifiedAt: null,
    captionId: '000102030405060708090a0b0c0d0e0f',
    folder: [],
    folderId: null,
    givenName: null,
    replaces: null,
    volumeBytes: null,
    postedVolumes: 0,
    freedChunks: 0,
    ...fields,
  }
}

/** How the ledger is told that an upload has failed. */
export function failure(reason: string, now: number): Failure {
  return { reason, percent: null, retryAt: null, now }
}
