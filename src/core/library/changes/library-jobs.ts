import { AppError } from '../../../errors.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { floodWaitSentence, isFloodWait } from '../../model/flood-wait.ts'
import { libraryKeyOf } from '../../model/library/posts.ts'
import type { LibraryChanges } from '../../ports/catalogue.ts'
import type { ChannelCall, ChannelGateway } from '../../ports/channel.ts'
import type { CredentialsProvider } from '../../ports/credentials.ts'
import type {
  LibraryItem,
  LibraryJob,
  LibraryJobRecords,
  SettledItem,
} from '../../ports/library-jobs.ts'
import type { Log } from '../../ports/log.ts'
import { progressOfJob } from '../../progress/library-job-progress.ts'
import type { Progress, ProgressBoard } from '../../progress/progress-board.ts'
import { onceDiskTakes } from '../../runtime/disk-failure.ts'
import type { JobContext, JobQueue } from '../../runtime/job-queue.ts'
import { delayFor, isRetryable, isWait, usesAttempt } from '../../transfers/transfer-retry.ts'
import type { PostEditing } from './edit-posts.ts'
import type { LargeFiles, ReadManifest } from './large-files.ts'
import type { MakeFolders } from './make-folders.ts'
import type { RemovePosts } from './remove-posts.ts'

export interface LibraryJobsOptions {
  channel: Pick<ChannelGateway, 'post'>
  records: LibraryJobRecords
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  posts: PostEditing
  makeFolders: MakeFolders
  removePosts: RemovePosts
  largeFiles: Pick<LargeFiles, 'copy'>
  readManifest: ReadManifest
  progress: Pick<ProgressBoard, 'tell'>
  queue: Pick<JobQueue, 'start' | 'ended'>
  /** How often a request is tried when it fails in a way that may pass. */
  attempts: number
  now: () => number
  log: Log
}

/** Jobs that change many messages of a library, one request after another. */
export interface LibraryJobs {
  /** Begins a job that is in the ledger. */
  start: (job: LibraryJob) => void
  /** Begins, or goes on with, all jobs that are not ended. */
  resume: () => Promise<void>
  /** Resolves when the job does not run here any more: it has ended, or is to go on after a restart. */
  ended: (jobId: string) => Promise<void>
  progressOf: (job: LibraryJob) => Progress
}

/** Items of one step: what Telegram deletes in one request. */
const ITEMS_AT_ONCE = 100
/** Failures of one item, which leave the others. */
const OF_ONE_ITEM = new Set([
  ...['MESSAGE_NOT_FOUND', 'FILE_INCOMPLETE', 'NOT_EDITABLE', 'NOT_DELETABLE'],
])

export function createLibraryJobs(options: LibraryJobsOptions): LibraryJobs {
  const { channel, records, posts, makeFolders, removePosts, queue, now, log } = options
  /** Until when Telegram has asked a running job to wait, and the job as it was told last. */
  const live = new Map<string, { waitUntil: number; job: LibraryJob }>()

  const progressOf = (job: LibraryJob): Progress =>
    progressOfJob(job, live.get(job.id)?.waitUntil ?? 0, now())

  function tell(job: LibraryJob, waitUntil = live.get(job.id)?.waitUntil ?? 0): void {
    if (job.state === 'running') live.set(job.id, { waitUntil, job })
    else live.delete(job.id)
    options.progress.tell({ id: job.id, owner: job.key.owner }, progressOf(job))
  }

  async function run(job: LibraryJob, context: JobContext): Promise<void> {
    const { signal } = context
    try {
      const failure = await work(job, signal)
      const latest = (await onceDiskTakes(() => records.libraryJob(job.id), signal)) ?? job
      const reason = failure === null ? reasonOf(latest) : sentenceOf(failure)
      const end = () => records.endLibraryJob(job.id, reason, now())
      const ended = await onceDiskTakes(end, signal)
      if (ended !== null) tell(ended)
      const { kind, total, done, failed } = ended ?? latest
      const fields = { job: job.id, kind, total, done, failed, err: failure ?? undefined }
      log[reason === null ? 'info' : 'warn'](fields, 'a job of the library has ended')
    } catch (error) {
      if (!signal.aborted) throw error
    } finally {
      live.delete(job.id)
    }
  }

  /** Settles all items; resolves with what ended the job before that, or null. */
  async function work(job: LibraryJob, signal: AbortSignal): Promise<unknown> {
    for (let failures = 0; ; ) {
      try {
        if (!(await step(job, signal))) return null
        failures = 0
      } catch (error) {
        signal.throwIfAborted()
        if (!isRetryable(error)) return error
        if (usesAttempt(error) && ++failures >= options.attempts) return error
        const delay = delayFor(error, failures)
        log.warn({ job: job.id, delay, err: error }, 'a job of the library will go on')
        if (isWait(error)) wait(job, delay / 1000)
        await sleep(delay, signal)
      }
    }
  }

  function wait(job: LibraryJob, seconds: number): void {
    tell(live.get(job.id)?.job ?? job, now() + seconds * 1000)
  }

  /** Some items; false when none is left. */
  async function step(job: LibraryJob, signal: AbortSignal): Promise<boolean> {
    const items = await records.openLibraryItems(job.id, ITEMS_AT_ONCE)
    if (items.length === 0) return false
    const token = await records.libraryJobToken(job.id)
    if (token === null) throw new AppError('TOKEN_REFUSED', 'Sign in again')
    const credentials = await options.credentials.forRunningUpload(token)
    const key = libraryKeyOf(credentials)
    // The number of a message means another one there.
    if (key.channelId !== job.key.channelId || key.owner !== job.key.owner) throw otherChannel()
    const call = { credentials, signal, onWait: (seconds: number) => wait(job, seconds) }
    if (job.kind === 'delete') {
      const removed = removePosts(job, call, items)
      for await (const { settled, gone } of removed) await settle(job, settled, { gone })
    } else await placeEach(job, call, items)
    return true
  }

  async function settle(
    job: LibraryJob,
    settled: readonly SettledItem[],
    changes: LibraryChanges,
  ): Promise<void> {
    const { job: latest } = await records.settleLibraryItems(job.id, settled, changes)
    if (latest) tell(latest)
  }

  async function placeEach(
    job: LibraryJob,
    call: ChannelCall,
    items: readonly LibraryItem[],
  ): Promise<void> {
    const folderId = await makeFolders(call, job.target ?? [])
    for (const item of items) {
      call.signal.throwIfAborted()
      try {
        if (job.kind === 'copy') await copy(job, call, { item, folderId })
        else {
          const { messageId } = item
          const place = ({ name }: { name: string }) => ({ name, folderId })
          await posts.placeFile(job.key, call, { messageId, place })
          await settle(job, [{ position: item.position, reason: null }], {})
        }
      } catch (error) {
        if (!(error instanceof AppError) || !OF_ONE_ITEM.has(error.code)) throw error
        await settle(job, [{ position: item.position, reason: error.message }], {})
      }
    }
  }

  /** Its caption's id and the note of its post are kept before it is sent: it is posted once. */
  async function copy(
    job: LibraryJob,
    call: ChannelCall,
    { item, folderId }: { item: LibraryItem; folderId: string | null },
  ): Promise<void> {
    const { position, messageId, captionId } = item
    if (captionId === null) throw new Error('a copy has no id')
    const post = await posts.read(job.key, call, messageId)
    const { name, fileId = null, isManifest = false } = post.file
    const file = { messageId, fileId }
    const manifest = isManifest ? await options.readManifest(call, file) : null
    if (manifest !== null) {
      const large = { jobId: job.id, key: job.key, item }
      const source = { file: post.file, manifest, folderId }
      const copied = await options.largeFiles.copy(large, call, source)
      const { volumes } = copied
      await settle(job, [{ position, reason: null }], { files: [copied.file], volumes })
      return
    }
    let { note } = item
    const posted = await channel.post(call, {
      text: posts.captionOfCopy(post, { name, folderId, captionId }),
      copyOf: messageId,
      journal: {
        load: async () => note,
        save: async (next) => {
          note = next
          await records.saveLibraryItemNote(job.id, position, next)
        },
      },
    })
    const { messageId: copyId, postedAt } = posted
    const placed = { messageId: copyId, postedAt, editedAt: null, captionId, folderId }
    const row = { ...post.file, ...placed, knowsPlace: true }
    await settle(job, [{ position, reason: null }], { files: [row] })
  }

  function start(job: LibraryJob): void {
    // It takes none of the slots of files: its requests are small, and come one after another.
    queue.start({ key: job.id, group: job.key.owner }, (context) => run(job, context))
  }

  return {
    start,
    resume: async () => {
      for (const job of await records.unfinishedLibraryJobs()) start(job)
    },
    ended: queue.ended,
    progressOf,
  }
}

/** Why a job has failed of which all items are settled; null: it has not. */
function reasonOf({ total, failed, reason }: LibraryJob): string | null {
  if (failed === 0) return null
  return total === 1 ? reason : `${failed} of ${total} could not be changed. ${reason}`
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof AppError)) return 'Something went wrong inside the worker'
  if (isFloodWait(error) && error.retryAfter !== undefined) {
    return floodWaitSentence(error.retryAfter, 'Try again')
  }
  return error.code === 'TOKEN_REFUSED' ? 'Sign in again' : error.message
}

function otherChannel(): AppError {
  return new AppError('TELEGRAM_CHANNEL_NOT_FOUND', 'Another channel is connected by now')
}
