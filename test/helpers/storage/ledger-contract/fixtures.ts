import { createHash } from 'node:crypto'
import type { MaintainedLedger } from '../../../../src/core/ports/ledger.ts'
import type {
  ChunkRecord,
  FinishedFile,
  MtprotoTransferState,
  WebhookPayload,
} from '../../../../src/core/ports/records.ts'

export interface LedgerUnderTest {
  ledger: MaintainedLedger
  /** A second caller of the same rows: over a connection of its own if the ledger has connections. */
  other: MaintainedLedger
}

/** Makes an empty ledger with a key of its own, which is cleared away with the test. */
export type MakeLedger = () => Promise<LedgerUnderTest>

export const NOW = 1_762_700_001_000
export const DIGEST = createHash('sha256').update('chunk').digest('hex')
export const RESULT: FinishedFile = {
  messageId: 42,
  fileId: 'BQACAgQAAx',
  digests: { sha256: DIGEST, crc32: '0000abcd' },
}
export const CHUNK: ChunkRecord = { index: 0, size: 1000, digest: DIGEST }

export const TRANSFER: MtprotoTransferState = {
  road: 'mtproto-user',
  partsHolder: 'f00d',
  fileId: '-9223372036854775808',
  startedAt: NOW,
  document: null,
  randomId: null,
  newestMessageId: null,
  postAttempts: 0,
}

export const PAYLOAD: WebhookPayload = {
  userId: 'user-1',
  fileName: 'film.mkv',
  messageId: 42,
  fileId: 'BQACAgQAAx',
  size: 2_097_152_000,
  mimeType: 'video/x-matroska',
  sha256: DIGEST,
}
