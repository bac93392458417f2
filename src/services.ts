import type { Adapters } from './adapters.ts'
import type { Config } from './config/config.ts'
import { createKnownTokens, type KnownTokens } from './core/access/known-tokens.ts'
import { createTicketService, type TicketService } from './core/access/ticket-service.ts'
import { type ArchiveService, createArchiveService } from './core/archives/archive-service.ts'
import type { Dispatcher } from './core/cluster/dispatcher.ts'
import { createBlockCache } from './core/downloads/block-cache.ts'
import { createDocumentReader } from './core/downloads/document-reader.ts'
import { createDownloadService, type DownloadService } from './core/downloads/download-service.ts'
import { createOwnTies, createSharedTies } from './core/downloads/download-ties.ts'
import { createLibraryFiles, type LibraryFiles } from './core/downloads/library-files.ts'
import { createManifests } from './core/downloads/manifests.ts'
import {
  createThumbnailService,
  type ThumbnailService,
} from './core/downloads/thumbnail-service.ts'
import { createPostEditing } from './core/library/changes/edit-posts.ts'
import { createLargeFiles, type ReadManifest } from './core/library/changes/large-files.ts'
import {
  createLibraryChanging,
  type LibraryChanging,
} from './core/library/changes/library-changes.ts'
import { createLibraryJobs, type LibraryJobs } from './core/library/changes/library-jobs.ts'
import { createFolderMaking } from './core/library/changes/make-folders.ts'
import { createPostRemoval } from './core/library/changes/remove-posts.ts'
import {
  createManifestRestoration,
  type RestoreManifests,
} from './core/library/changes/restore-manifests.ts'
import { createFollower, type Follower } from './core/library/follow/follower.ts'
import { createLibraryNews, tellChanges } from './core/library/library-news.ts'
import { createLibraryService, type LibraryService } from './core/library/library-service.ts'
import { createSharedNews } from './core/library/shared-news.ts'
import { cleanupJobId, isLibraryJobId } from './core/model/library/job.ts'
import { postedBytesOf } from './core/model/volumes/window.ts'
import type { Metrics, ShareMetrics, UploadMetrics } from './core/ports/metrics.ts'
import { countJobs } from './core/progress/job-counts.ts'
import { createJobList, type JobList } from './core/progress/job-list.ts'
import { createProgressBoard, type ProgressBoard } from './core/progress/progress-board.ts'
import { createProgressWatch, type ProgressWatch } from './core/progress/progress-watch.ts'
import { recordProgress } from './core/progress/recorded-progress.ts'
import { keepBeforeTold, type ToldProgress, tellAsItIs } from './core/progress/told-progress.ts'
import { createJobQueue, type JobQueue } from './core/runtime/job-queue.ts'
import { createWorkGate, type WorkGate } from './core/runtime/work-gate.ts'
import { createPasswords } from './core/shares/passwords.ts'
import { createShareDoor, type ShareDoor } from './core/shares/share-door.ts'
import { createShareLogins } from './core/shares/share-logins.ts'
import { createShareService, type ShareService } from './core/shares/share-service.ts'
import { createTransfers, type Transfers } from './core/transfers/transfer.ts'
import { createVolumeCleaner, type VolumeCleaner } from './core/transfers/volumes/volume-cleaner.ts'
import { type Capacity, createCapacity } from './core/uploads/capacity.ts'
import { createBytelessExpiry } from './core/uploads/expiry.ts'
import { createHeldChunks, type HeldChunks } from './core/uploads/held-chunks.ts'
import { createStreamService, type StreamService } from './core/uploads/stream-service.ts'
import { createUploadRemoval } from './core/uploads/upload-removal.ts'
import { createUploadService, type UploadService } from './core/uploads/upload-service.ts'
import { createVolumeWindows, type VolumeWindows } from './core/uploads/volume-windows.ts'
import { createKeyedLock, type KeyedLock } from './lib/concurrency/keyed-lock.ts'
import { createPreemptibleLock, type PreemptibleLock } from './lib/concurrency/preemptible-lock.ts'
import { MiB } from './lib/units.ts'
import { createMetricsRegistry } from './metrics/metrics.ts'

/** A row of a cluster's database is dearer than one on the own disk. */
const SAVED_EVERY_MS = 2_000
const PARTS_NOTED_MS = { alone: 250, cluster: 5_000 }
/** How long a request waits for another one that has the same stream, and was asked to end. */
const UNLOCK_TIMEOUT_MS = 10_000
/** What one reader, and all of them together, may have ahead of what they have passed on. */
const READER_WINDOW_BYTES = 8 * MiB
const ALL_READERS_BYTES = 32 * MiB

/** Core's services, as the rooms around core use them. */
export interface Services {
  uploads: UploadService
  streams: StreamService
  downloads: DownloadService
  archives: ArchiveService
  tickets: TicketService
  /** Shares, for their owners. */
  shares: ShareService
  /** Shares, for those who have their addresses. */
  shareDoor: ShareDoor
  shareMetrics: ShareMetrics
  watch: ProgressWatch
  jobs: JobList
  library: LibraryService
  thumbnails: ThumbnailService
  metrics: Metrics
  transfers: Transfers
  /** Decides which uploads are carried here; null: all of them. */
  dispatcher: Dispatcher | null
  queue: JobQueue
  workGate: WorkGate
  capacity: Capacity
  knownTokens: KnownTokens
  /** The progress of an upload, or of a job of the library. */
  progressOf: UploadService['progress']
  /** Changes what is in the channel. */
  changing: LibraryChanging
  changingJobs: LibraryJobs
  /** Deletes what ended uploads have left in their channels. */
  cleaner: VolumeCleaner
  /** Looks at channels for what has changed in their libraries. */
  follower: Follower
  /** One request at a time works on an upload as a stream. */
  uploadLock: PreemptibleLock
  /** One change at a time of each upload. */
  locks: KeyedLock
  /** Requests that wait until Telegram has more of their files. */
  held: HeldChunks
}

/** Core's services, each with what it needs. */
export function createServices(config: Config, adapters: Adapters): Services {
  const { spool, now, log } = adapters
  const registry = createMetricsRegistry()
  if (adapters.clusterFigures) registry.add(adapters.clusterFigures)
  const records = adapters.cluster?.news
  const news = records ? createSharedNews({ records, log }) : createLibraryNews()
  const ledger = tellChanges(adapters.ledger, news)
  const gateway = registry.meterGateway(adapters.gateway)
  const shareKeys = {
    name: ledger.deriveKey('tickets: name'),
    address: ledger.deriveKey('shares: address'),
    pass: ledger.deriveKey('shares: pass'),
  }
  const knownTokens = createKnownTokens({
    onLogin: createShareLogins({ ledger, keys: shareKeys, log }),
  })
  const tickets = createTicketService({
    ledger,
    credentials: knownTokens.watch(adapters.credentials),
    now,
  })
  const { credentials } = tickets
  const workGate = createWorkGate()
  const ownProgress = recordProgress(createProgressBoard(now), {
    ledger,
    everyMs: adapters.cluster === null ? 0 : SAVED_EVERY_MS,
    log,
  })
  const isHere = (id: string): boolean => jobs.queue.has(id)
  const progress = adapters.cluster?.shareBoard(ownProgress, { isHere, now }) ?? ownProgress
  const metrics = registry.uploads
  const { cluster } = adapters
  const told = cluster ? keepBeforeTold(progress, ledger) : tellAsItIs(progress)
  const ownWindows = createVolumeWindows({
    postedBytes: async (id) => {
      const upload = await ledger.findUpload(id)
      return upload?.state === 'receiving' ? postedBytesOf(upload) : null
    },
    progress,
  })
  const windows = cluster ? cluster.node.windows(ownWindows) : ownWindows
  const shared = {
    ...{
      ledger,
      spool,
      gateway,
      credentials,
      progress,
      told,
      windows,
      workGate,
      metrics,
      now,
      log,
    },
  }
  const cache = createBlockCache({ gateway, maxBytes: config.blockCacheBytes })
  const reader = createDocumentReader({
    cache,
    maxWindowBytes: READER_WINDOW_BYTES,
    maxTotalBytes: ALL_READERS_BYTES,
  })
  const manifests = createManifests({ gateway, reader })
  const files = createLibraryFiles({ gateway, manifests, catalogue: ledger, reader })
  const jobs = createJobs(config, adapters, { ...shared, files })
  const { queue, transfers, changing, changingJobs, cleaner, onCleanup } = jobs
  const intake = createFileServices(config, shared, { transfers, tickets, cluster, onCleanup })
  const ties = cluster ? createSharedTies(cluster.ties, now) : createOwnTies()
  const downloads = createDownloadService({ credentials, files, ties, ledger, workGate })
  const { uploads } = intake
  const progressOf: UploadService['progress'] = (id, token) =>
    isLibraryJobId(id) ? changing.progress(id, token) : uploads.progress(id, token)
  const follower = createFollower({
    catalogue: ledger,
    channel: adapters.channel,
    isBusy: () => [...queue.stages().values()].includes('working'),
    metrics: registry.follow,
    onScanned: jobs.restoreManifests,
    ...(cluster && { inTurn: cluster.node.look }),
    now,
    log,
  })
  const passwords = createPasswords()
  const sharing = { ledger, catalogue: ledger, credentials, passwords, keys: shareKeys, now }
  return {
    ...intake,
    workGate,
    knownTokens,
    shares: createShareService(sharing),
    shareDoor: createShareDoor({
      ...sharing,
      look: follower.look,
      cursorKey: ledger.deriveKey('shares: cursors'),
      metrics: registry.shares,
    }),
    shareMetrics: registry.shares,
    tickets,
    queue,
    transfers,
    dispatcher: jobs.dispatcher,
    changing,
    changingJobs,
    cleaner,
    downloads,
    archives: createArchiveService({
      ...{ ledger, catalogue: ledger, channel: adapters.channel, credentials, tickets },
      ...{ files, downloads, follower, workGate, now, log },
    }),
    progressOf,
    watch: createProgressWatch({
      ...{ ledger, board: progress, told, changes: changing, credentials },
      uploads: { progress: progressOf },
    }),
    jobs: createJobList({ ledger, board: progress, credentials }),
    follower,
    library: createLibraryService({
      catalogue: ledger,
      credentials,
      channel: adapters.channel,
      follower,
      news,
      cursorKey: ledger.deriveKey('library: cursors'),
    }),
    thumbnails: createThumbnailService({
      catalogue: ledger,
      credentials,
      gateway,
      channel: adapters.channel,
      workGate,
    }),
    metrics: registry.open({
      held: intake.held,
      ledger,
      spool,
      spoolMaxBytes: config.spoolMaxBytes,
      circuits: adapters.circuits,
      windows: gateway.windows,
      jobs: () => countJobs(queue, progress),
      now,
      cache,
    }),
  }
}

interface Shared
  extends Pick<Adapters, 'ledger' | 'spool' | 'gateway' | 'credentials' | 'now' | 'log'> {
  progress: ProgressBoard
  told: ToldProgress
  windows: VolumeWindows
  workGate: WorkGate
  metrics: UploadMetrics
}

function createJobs(
  config: Config,
  { outbox, channel, cluster, log }: Adapters,
  { files, ...shared }: Shared & { files: LibraryFiles },
): Pick<
  Services,
  'queue' | 'transfers' | 'changing' | 'changingJobs' | 'cleaner' | 'dispatcher'
> & {
  onCleanup: () => void
  restoreManifests: RestoreManifests
} {
  const { ledger } = shared
  const { transferAttempts: attempts, namesInCaptions } = config
  const queue = createJobQueue({
    concurrency: config.maxConcurrentUploads,
    onError: (uploadId, err) => log.error({ uploadId, err }, 'a job ended in a bug'),
  })
  const node = cluster?.node
  const leased = (isOpen: (key: string) => Promise<boolean>) => node?.jobs(queue, isOpen) ?? queue
  const locks = node ? node.lock(createKeyedLock()) : createKeyedLock()
  const library = { ...shared, channel, catalogue: ledger, records: ledger, locks }
  const makeFolders = createFolderMaking(library)
  const posts = createPostEditing({ ...library, namesInCaptions })
  const readManifest: ReadManifest = async ({ credentials, signal }, { messageId, fileId }) => {
    const file = await files.open({ credentials, messageId, fileId: fileId ?? undefined }, signal)
    return file.manifest
  }
  const largeFiles = createLargeFiles({ ...library, readManifest })
  const removePosts = createPostRemoval({ ...library, largeFiles })
  const changingJobs = createLibraryJobs({
    ...{ ...library, posts, makeFolders, removePosts, largeFiles, readManifest, attempts },
    queue: leased(async (id) => (await ledger.libraryJob(id))?.state === 'running'),
  })
  const changing = createLibraryChanging({ ...library, posts, makeFolders, jobs: changingJobs })
  const restoreManifests = createManifestRestoration({
    ...{ ...library, attempts },
    queue: leased(async () => true),
  })
  const cleaner = createVolumeCleaner({
    ...{ ...shared, channel, records: ledger },
    queue: leased(async (key) =>
      (await ledger.volumeCleanups()).some((one) => cleanupJobId(one.id) === key),
    ),
  })
  const onCleanup = (): void => {
    cleaner.resume().catch((err: unknown) => {
      log.warn({ err }, 'posts of ended uploads are deleted after the next start')
    })
  }
  const local = createTransfers({
    ...shared,
    queue,
    onWait: (upload, delayMs) => carried?.dispatcher.waits(upload, delayMs),
    folderOf: ({ folder }, call) => makeFolders(call, folder),
    onVolumesPosted: shared.windows.moved,
    onCleanup,
    onDeletion: () =>
      changingJobs.resume().catch((err: unknown) => {
        log.warn({ err }, 'replaced files are deleted after the next start')
      }),
    webhooks: outbox !== null,
    onWebhook: () => outbox?.notify(),
    attempts,
    maxDurationMs: config.transferMaxMs,
    namesInCaptions,
    verify: config.verify,
    partsNotedMs: PARTS_NOTED_MS[node ? 'cluster' : 'alone'],
    native: config.native,
  })
  const carried = node?.carry({
    ...{ ...shared, local, queue },
    concurrency: config.maxConcurrentUploads,
    maxDurationMs: config.transferMaxMs,
  })
  const { transfers, dispatcher } = carried ?? { transfers: local, dispatcher: null }
  const jobs = { queue, transfers, dispatcher, changing, changingJobs, cleaner }
  return { ...jobs, onCleanup, restoreManifests }
}

/** What takes files in, in chunks and as streams. */
function createFileServices(
  config: Config,
  shared: Shared,
  {
    transfers,
    tickets,
    cluster,
    onCleanup,
  }: Pick<Services, 'transfers' | 'tickets'> &
    Pick<Adapters, 'cluster'> & { onCleanup: () => void },
): Pick<Services, 'locks' | 'capacity' | 'uploadLock' | 'uploads' | 'streams' | 'held'> {
  const { ledger, spool } = shared
  const { sessionTtlMs } = config
  const locks = createKeyedLock()
  const capacity = createCapacity({ ledger, spool, spoolMaxBytes: config.spoolMaxBytes })
  const ownLock = createPreemptibleLock(UNLOCK_TIMEOUT_MS)
  const uploadLock = cluster?.shareStreams(ownLock, UNLOCK_TIMEOUT_MS) ?? ownLock
  const removal = createUploadRemoval({ ...shared, transfers, onCleanup })
  const { progressReader } = tickets
  const intake = {
    ...shared,
    catalogue: ledger,
    transfers,
    locks,
    capacity,
    expireByteless: createBytelessExpiry({ ...shared, removal, locks, sessionTtlMs }),
    maxFileBytes: config.maxFileBytes,
    maxVolumeBytes: config.volumeBytes,
    maxWaitMs: config.transferMaxMs,
    perUser: { maxUploads: config.maxUploadsPerUser, maxBytes: config.maxBytesPerUser },
  }
  const held = createHeldChunks({ ...shared, has: transfers.has })
  const uploads = createUploadService({ ...intake, removal, held, progressReader })
  const streams = createStreamService({ ...intake, uploads, uploadLock })
  return { locks, capacity, uploadLock, uploads, streams, held }
}
