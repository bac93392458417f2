import type { DownloadTieRecords } from '../../core/ports/cluster/download-ties.ts'
import type { LibraryNewsRecords } from '../../core/ports/cluster/library-news.ts'
import type { ClusterMetrics } from '../../core/ports/cluster/metrics.ts'
import type { TransferClaims } from '../../core/ports/cluster/transfer-claims.ts'
import type { WatchedRows } from '../../core/ports/cluster/watched-rows.ts'
import type { MaintainedLedger } from '../../core/ports/ledger.ts'
import { createLedgerCipher } from '../ledger/secrets/cipher.ts'
import { integer } from '../ledger/tables/rows.ts'
import { createClaimRecords } from './cluster/claims.ts'
import { createFences } from './cluster/fences.ts'
import { createWatchedRows } from './cluster/watched.ts'
import { type DatabaseOptions, type DatabaseState, openDatabase } from './database.ts'
import { createFolderDrafts } from './library/drafts.ts'
import { createLibraryJobRecords } from './library/jobs.ts'
import { createLibraryNewsRecords } from './library/news.ts'
import { createLibraryPages } from './library/page.ts'
import { createLibraryReading } from './library/reading.ts'
import { createLibraryTree } from './library/tree.ts'
import { createVolumeReading } from './library/volumes.ts'
import { createLibraryWriting } from './library/writing.ts'
import { indexNames, migrate } from './schema.ts'
import { createArchiveRecords } from './tables/archives.ts'
import { createClockRecords } from './tables/clock.ts'
import { createDownloadTieRecords } from './tables/download-ties.ts'
import { createOutboxRecords } from './tables/outbox.ts'
import { createReceiptRecords } from './tables/receipts.ts'
import { assertKey, createSecretRecords } from './tables/secrets.ts'
import { createShareRecords } from './tables/shares.ts'
import { createTicketRecords } from './tables/tickets.ts'
import { createChunkRecords } from './uploads/chunks.ts'
import { createEndingRecords } from './uploads/endings.ts'
import { createOpeningRecords } from './uploads/opening.ts'
import { createStreamRecords } from './uploads/streams.ts'
import { createThumbnailRecords } from './uploads/thumbnails.ts'
import { createTransferRecords } from './uploads/transfers.ts'
import { createUploadRecords } from './uploads/uploads.ts'
import { createVolumeRecords } from './uploads/volumes.ts'

export interface PostgresLedgerOptions extends DatabaseOptions {
  /** 32 bytes, the same at all nodes. */
  key: Buffer
  metrics?: Pick<ClusterMetrics, 'claimed' | 'fenced'>
}

const NOT_COUNTED: Pick<ClusterMetrics, 'claimed' | 'fenced'> = {
  claimed: () => {},
  fenced: () => {},
}

/** A large table takes its time to change, and other nodes wait until it is done. */
const MIGRATION_MS = 3_600_000

export interface PostgresLedger
  extends MaintainedLedger,
    TransferClaims,
    DownloadTieRecords,
    WatchedRows,
    LibraryNewsRecords {
  /** By the database's clock, epoch milliseconds. */
  databaseTime: () => Promise<number>
  readonly databaseState: DatabaseState
}

/**
 * Opens the ledger in PostgreSQL (14 or newer), which many nodes share. Rejects with StartUpError where
 * the database belongs to a later version or to another key, and as the ledger's calls do where it
 * cannot be reached.
 */
export async function openPostgresLedger(options: PostgresLedgerOptions): Promise<PostgresLedger> {
  const { key, log, metrics = NOT_COUNTED } = options
  const cipher = createLedgerCipher(key)
  const starting = openDatabase({ ...options, maxConnections: 1, statementMs: MIGRATION_MS })
  try {
    await migrate(starting)
    await indexNames(starting, log)
    await assertKey(starting, cipher)
  } finally {
    await starting.close()
  }
  const database = openDatabase(options)
  const fences = createFences((uploadId) => {
    metrics.fenced()
    log.warn({ uploadId }, 'a write of a transfer was refused: another node carries the upload')
  })
  return {
    ...createUploadRecords(database, cipher, fences),
    ...createChunkRecords(database, cipher),
    ...createStreamRecords(database),
    ...createOpeningRecords(database, cipher),
    ...createTransferRecords(database, fences),
    ...createEndingRecords(database, cipher, fences),
    ...createClaimRecords({ database, fences, metrics }),
    ...createWatchedRows(database),
    ...createThumbnailRecords(database),
    ...createVolumeRecords(database, cipher, fences),
    ...createArchiveRecords(database),
    ...createShareRecords(database, cipher),
    ...createOutboxRecords(database),
    ...createReceiptRecords(database),
    ...createSecretRecords(database, cipher),
    ...createClockRecords(database),
    ...createTicketRecords(database, cipher),
    ...createDownloadTieRecords(database),
    ...createLibraryNewsRecords(database),
    ...createLibraryWriting(database),
    ...createLibraryReading(database),
    ...createVolumeReading(database),
    ...createLibraryPages(database),
    ...createLibraryTree(database),
    ...createLibraryJobRecords(database, cipher),
    ...createFolderDrafts(database),
    databaseTime: async () => {
      const row = await database.get(
        'SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now',
      )
      return integer(row ?? {}, 'now')
    },
    get databaseState() {
      return database.state
    },
    // The database moves its log by itself.
    checkpoint: async () => void (await database.get('SELECT 1')),
    close: database.close,
  }
}
