import type { MaintainedLedger } from '../../core/ports/ledger.ts'
import type { Log } from '../../core/ports/log.ts'
import { createCheckpointer, NO_CHECKPOINTER } from './checkpointer.ts'
import { createClockRecords } from './clock.ts'
import { wrapDatabase } from './database.ts'
import { createFolderDrafts } from './library/drafts.ts'
import { createLibraryJobRecords } from './library/jobs.ts'
import { createLibraryPages } from './library/page.ts'
import { createLibraryReading } from './library/reading.ts'
import { createLibraryTree } from './library/tree.ts'
import { createVolumeReading } from './library/volumes.ts'
import { createLibraryWriting } from './library/writing.ts'
import { openDatabase } from './open.ts'
import { createLedgerCipher } from './secrets/cipher.ts'
import { checkKey, createSecretRecords } from './secrets/secrets.ts'
import { resolving, type Synchronous } from './synchronous.ts'
import { createArchiveRecords } from './tables/archives.ts'
import { createEndingRecords } from './tables/endings.ts'
import { createOpeningRecords } from './tables/opening.ts'
import { createOutboxRecords } from './tables/outbox.ts'
import { createReceiptRecords } from './tables/receipts.ts'
import { createShareRecords } from './tables/shares.ts'
import { createStreamRecords } from './tables/streams.ts'
import { createThumbnailRecords } from './tables/thumbnails.ts'
import { createTicketRecords } from './tables/tickets.ts'
import { createTransferRecords } from './tables/transfers.ts'
import { createUploadRecords } from './tables/uploads.ts'
import { createVolumeRecords } from './tables/volumes.ts'

export interface LedgerOptions {
  /** A file, or `:memory:`. */
  path: string
  /** 32 bytes, from `loadLedgerKey`. What another key has encrypted is treated as absent. */
  key: Buffer
  log: Log
  /** Whether every call must survive a loss of power as well: each then waits for the disk. */
  fsync?: boolean
  /** Whether the disk hangs: then nothing is written, because every call here is synchronous. */
  stalled?: () => boolean
}

/**
 * Opens the ledger in SQLite, which must belong to this process alone (`lockDataDir`). Calls reject
 * with SPOOL_FULL when the disk is full and SPOOL_FAILED when it fails otherwise.
 */
export function openLedger(options: LedgerOptions): MaintainedLedger {
  const { path, key, log, fsync = false, stalled } = options
  const cipher = createLedgerCipher(key)
  const opened = openDatabase({ path, fsync, log })
  const checkpointer = path === ':memory:' ? NO_CHECKPOINTER : createCheckpointer(path, log)
  const database = wrapDatabase(opened, { stalled, onWrite: checkpointer.noteWrite })

  const volumes = createVolumeRecords(database, cipher)
  const uploads = createUploadRecords(database, cipher, volumes)
  const streams = createStreamRecords(database)
  const receipts = createReceiptRecords(database)
  const thumbnails = createThumbnailRecords(database)
  const library = createLibraryWriting(database, receipts)
  const reading = createLibraryReading(database)
  const { libraryPage } = createLibraryPages(database, reading)
  const jobs = createLibraryJobRecords(database, cipher, library)
  const drafts = createFolderDrafts(database, library)
  const secrets = createSecretRecords(database, cipher)
  const clock = createClockRecords(database)
  const { endSharesOf, ...shares } = createShareRecords(database, cipher)
  checkKey(secrets, { isNew: clock.lastReading() === null, log })

  return toPromises({
    ...uploads,
    ...volumes,
    ...streams,
    ...createOpeningRecords(database, uploads, { ...streams, ...thumbnails }),
    ...createTransferRecords(database),
    ...createEndingRecords(database, uploads, {
      ...library,
      ...jobs,
      ...receipts,
      ...thumbnails,
      ...volumes,
    }),
    ...createOutboxRecords(database),
    ...secrets,
    ...clock,
    ...createTicketRecords(database, cipher, { endSharesOf }),
    ...createArchiveRecords(database),
    ...shares,
    ...library,
    ...reading,
    ...createVolumeReading(database, reading),
    ...receipts,
    ...thumbnails,
    libraryPage,
    ...createLibraryTree(database, reading),
    ...jobs,
    ...drafts,
    forgetLibraryJobs: (before) =>
      database.transaction(() => {
        jobs.forgetJobs(before)
        drafts.forgetDrafts(before)
      }),
    checkpoint: async () => {
      await checkpointer.run()
      // Little is left to do by now but to empty the log.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    },
    close: () => {
      checkpointer.close()
      database.close()
    },
  })
}

/** These wait between two steps, so they are promises from the start. */
type Waiting = 'checkpoint' | 'libraryPage'

type Records = Omit<Synchronous<MaintainedLedger>, Waiting> & Pick<MaintainedLedger, Waiting>

/** Each call works at once, and resolves or rejects with what came of it. */
function toPromises(records: Records): MaintainedLedger {
  return {
    deriveKey: records.deriveKey,
    checkpoint: records.checkpoint,
    libraryPage: records.libraryPage,
    openUpload: resolving(records.openUpload),
    findUpload: resolving(records.findUpload),
    uploadsOf: resolving(records.uploadsOf),
    uploadsInState: resolving(records.uploadsInState),
    countInState: resolving(records.countInState),
    uploadToken: resolving(records.uploadToken),
    saveUploadToken: resolving(records.saveUploadToken),
    acceptChunk: resolving(records.acceptChunk),
    findChunk: resolving(records.findChunk),
    chunks: resolving(records.chunks),
    touchUpload: resolving(records.touchUpload),
    sealUpload: resolving(records.sealUpload),
    completeUpload: resolving(records.completeUpload),
    failUpload: resolving(records.failUpload),
    savePercent: resolving(records.savePercent),
    saveUploadFolder: resolving(records.saveUploadFolder),
    cancelUpload: resolving(records.cancelUpload),
    deleteUpload: resolving(records.deleteUpload),
    expireUpload: resolving(records.expireUpload),
    reservations: resolving(records.reservations),
    chunklessUploads: resolving(records.chunklessUploads),
    transfer: resolving(records.transfer),
    saveTransfer: resolving(records.saveTransfer),
    deleteTransfer: resolving(records.deleteTransfer),
    deleteTransfers: resolving(records.deleteTransfers),
    volumes: resolving(records.volumes),
    fixVolumeChannel: resolving(records.fixVolumeChannel),
    postVolume: resolving(records.postVolume),
    volumeCleanups: resolving(records.volumeCleanups),
    volumeCleanupToken: resolving(records.volumeCleanupToken),
    endVolumeCleanup: resolving(records.endVolumeCleanup),
    uploadThumbnail: resolving(records.uploadThumbnail),
    saveUploadThumbnail: resolving(records.saveUploadThumbnail),
    acknowledgedParts: resolving(records.acknowledgedParts),
    saveAcknowledgedParts: resolving(records.saveAcknowledgedParts),
    dueWebhooks: resolving(records.dueWebhooks),
    releaseWebhook: resolving(records.releaseWebhook),
    nextWebhookAt: resolving(records.nextWebhookAt),
    postponeWebhook: resolving(records.postponeWebhook),
    deleteWebhook: resolving(records.deleteWebhook),
    receiptOf: resolving(records.receiptOf),
    keepReceipt: resolving(records.keepReceipt),
    secret: resolving(records.secret),
    saveSecret: resolving(records.saveSecret),
    deleteSecret: resolving(records.deleteSecret),
    close: resolving(records.close),
    announceStream: resolving(records.announceStream),
    unannouncedStreams: resolving(records.unannouncedStreams),
    stream: resolving(records.stream),
    joinUploads: resolving(records.joinUploads),
    ticketEpoch: resolving(records.ticketEpoch),
    issueTicket: resolving(records.issueTicket),
    endTicketEpoch: resolving(records.endTicketEpoch),
    ticketToken: resolving(records.ticketToken),
    deleteExpiredTicketTokens: resolving(records.deleteExpiredTicketTokens),
    keepArchive: resolving(records.keepArchive),
    findArchive: resolving(records.findArchive),
    deleteExpiredArchives: resolving(records.deleteExpiredArchives),
    openShare: resolving(records.openShare),
    findShare: resolving(records.findShare),
    sharesOf: resolving(records.sharesOf),
    changeShare: resolving(records.changeShare),
    endShare: resolving(records.endShare),
    countDownload: resolving(records.countDownload),
    hasVisited: resolving(records.hasVisited),
    keepShareLogin: resolving(records.keepShareLogin),
    shareToken: resolving(records.shareToken),
    endShareLogin: resolving(records.endShareLogin),
    openShares: resolving(records.openShares),
    forgetShares: resolving(records.forgetShares),
    deleteChunk: resolving(records.deleteChunk),
    loseChunk: resolving(records.loseChunk),
    finishedBefore: resolving(records.finishedBefore),
    forgetUpload: resolving(records.forgetUpload),
    lastReading: resolving(records.lastReading),
    keepReading: resolving(records.keepReading),
    applyToLibrary: resolving(records.applyToLibrary),
    openLibraryJob: resolving(records.openLibraryJob),
    libraryJob: resolving(records.libraryJob),
    libraryJobsOf: resolving(records.libraryJobsOf),
    unfinishedLibraryJobs: resolving(records.unfinishedLibraryJobs),
    libraryJobToken: resolving(records.libraryJobToken),
    openLibraryItems: resolving(records.openLibraryItems),
    saveLibraryItemNote: resolving(records.saveLibraryItemNote),
    itemVolumes: resolving(records.itemVolumes),
    saveItemVolumeNote: resolving(records.saveItemVolumeNote),
    saveItemVolumeCopy: resolving(records.saveItemVolumeCopy),
    itemTransfer: resolving(records.itemTransfer),
    saveItemTransfer: resolving(records.saveItemTransfer),
    settleLibraryItems: resolving(records.settleLibraryItems),
    endLibraryJob: resolving(records.endLibraryJob),
    forgetLibraryJobs: resolving(records.forgetLibraryJobs),
    draftFolder: resolving(records.draftFolder),
    saveFolderNote: resolving(records.saveFolderNote),
    settleFolder: resolving(records.settleFolder),
    libraryTree: resolving(records.libraryTree),
    libraryFiles: resolving(records.libraryFiles),
    libraryTotals: resolving(records.libraryTotals),
    librarySync: resolving(records.librarySync),
    newestInLibrary: resolving(records.newestInLibrary),
    libraryFile: resolving(records.libraryFile),
    libraryManifests: resolving(records.libraryManifests),
    libraryVolume: resolving(records.libraryVolume),
    libraryVolumes: resolving(records.libraryVolumes),
    libraryLeftovers: resolving(records.libraryLeftovers),
    libraryFolder: resolving(records.libraryFolder),
    libraryFolderOfId: resolving(records.libraryFolderOfId),
    libraryFilesNamed: resolving(records.libraryFilesNamed),
  }
}
