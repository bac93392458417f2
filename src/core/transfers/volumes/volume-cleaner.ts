import { AppError } from '../../../errors.ts'
import { retry } from '../../../lib/waiting/retry.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import { findLine } from '../../model/caption.ts'
import { cleanupJobId } from '../../model/library/job.ts'
import type { ChannelCall, ChannelGateway, ChannelMessage } from '../../ports/channel.ts'
import type { CredentialsProvider } from '../../ports/credentials.ts'
import type { Log } from '../../ports/log.ts'
import type { VolumeCleanup, VolumeRecords } from '../../ports/volumes.ts'
import { onceDiskTakes } from '../../runtime/disk-failure.ts'
import type { JobContext, JobQueue } from '../../runtime/job-queue.ts'
import { delayFor, isRetryable, usesAttempt } from '../transfer-retry.ts'

/** What was on its way when the upload ended has arrived by then. */
const SETTLE_MS = 30_000
/** What a person has to repair, such as a session that has ended, is tried again after so long. */
const REPAIR_MS = 3_600_000

export interface VolumeCleanerOptions {
  records: Pick<VolumeRecords, 'volumeCleanups' | 'volumeCleanupToken' | 'endVolumeCleanup'>
  channel: Pick<ChannelGateway, 'reader' | 'position' | 'page' | 'remove'>
  credentials: Pick<CredentialsProvider, 'forRunningUpload'>
  queue: Pick<JobQueue, 'start'>
  settleMs?: number
  log: Log
}

/** Deletes what uploads that have failed, were cancelled or have expired have left in their channels. */
export interface VolumeCleaner {
  /** Begins, or goes on with, all that is to be deleted. */
  resume: () => Promise<void>
}

export function createVolumeCleaner(options: VolumeCleanerOptions): VolumeCleaner {
  const { records, channel, queue, settleMs = SETTLE_MS, log } = options

  async function run(cleanup: VolumeCleanup, { signal }: JobContext): Promise<void> {
    const { id, uploadId, messageIds, lookAfter } = cleanup
    try {
      if (lookAfter !== null) await sleep(settleMs, signal)
      const deleted = await retry(() => clean(cleanup, signal), {
        attempts: Number.POSITIVE_INFINITY,
        signal,
        counts: usesAttempt,
        delayFor: (error, attempt) => {
          if (isOver(error)) return null
          const delay = isRetryable(error) ? delayFor(error, attempt) : REPAIR_MS
          log.warn(
            { uploadId, delay, err: error },
            'posts of an ended upload will be deleted later',
          )
          return delay
        },
      })
      log.info({ uploadId, messages: deleted }, 'posts of an ended upload are deleted')
    } catch (error) {
      if (signal.aborted) return
      log.warn({ uploadId, messageIds, err: error }, 'posts of an ended upload stay in the channel')
    }
    await onceDiskTakes(() => records.endVolumeCleanup(id), signal)
  }

  /** Resolves with how many messages are deleted. */
  async function clean(cleanup: VolumeCleanup, signal: AbortSignal): Promise<number> {
    const token = await records.volumeCleanupToken(cleanup.id)
    if (token === null) throw new AppError('TOKEN_REFUSED', 'Sign in again')
    const granted = await options.credentials.forRunningUpload(token)
    // Another channel may be connected by now.
    const call = { credentials: { ...granted, channelId: cleanup.channelId }, signal }
    const { manifests, volumes } = await postsOf(cleanup, call)
    // Without its manifest a file is gone, and with it all volumes must be there.
    const refused: number[] = []
    for (const ids of [manifests, volumes]) {
      if (ids.length === 0) continue
      const { refusedIds } = await channel.remove(call, ids, null)
      refused.push(...refusedIds)
    }
    if (refused.length > 0) {
      const { uploadId } = cleanup
      log.warn({ uploadId, messageIds: refused }, 'posts of an ended upload may not be deleted')
    }
    return manifests.length + volumes.length - refused.length
  }

  async function postsOf(
    { captionId, messageIds, lookAfter }: VolumeCleanup,
    call: ChannelCall,
  ): Promise<{ manifests: number[]; volumes: number[] }> {
    const volumes = new Set(messageIds)
    const manifests: number[] = []
    // A bot alone sees no messages.
    const canLook = lookAfter !== null && channel.reader(call.credentials) !== null
    for (const { messageId, text } of canLook ? await newerPosts(call, lookAfter) : []) {
      const line = findLine(text)
      if (line?.id !== captionId) continue
      if (line.kind === 'manifest') manifests.push(messageId)
      else volumes.add(messageId)
    }
    return { manifests, volumes: [...volumes] }
  }

  /** Those with documents of their own. */
  async function newerPosts(call: ChannelCall, after: number): Promise<ChannelMessage[]> {
    const found: ChannelMessage[] = []
    let { before } = await channel.position(call)
    while (before > after + 1) {
      const { messages, lowestId } = await channel.page(call, before)
      const newer = messages.filter(({ messageId }) => messageId > after)
      found.push(...newer.filter(({ document, forwarded }) => document !== null && !forwarded))
      if (lowestId <= 1 || lowestId >= before) break
      before = lowestId
    }
    return found
  }

  return {
    resume: async () => {
      for (const cleanup of await records.volumeCleanups()) {
        const name = { key: cleanupJobId(cleanup.id), group: cleanup.owner }
        // It takes none of the slots of files: its requests are few and small.
        queue.start(name, (context) => run(cleanup, context))
      }
    },
  }
}

/** Whether no waiting helps: there are no credentials any more. */
function isOver(error: unknown): boolean {
  return !(error instanceof AppError) || error.code === 'TOKEN_REFUSED'
}
