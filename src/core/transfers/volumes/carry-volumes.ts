import { AppError } from '../../../errors.ts'
import { MiB } from '../../../lib/units.ts'
import { uploadGone } from '../../model/cancellation.ts'
import { documentIdIn } from '../../model/file-id.ts'
import { libraryKeyOf } from '../../model/library/posts.ts'
import { countVolumes, volumeAt } from '../../model/volumes/plan.ts'
import type { Credentials } from '../../ports/credentials.ts'
import type { Upload } from '../../ports/records.ts'
import type { Spool } from '../../ports/spool.ts'
import type { TelegramGateway, TransferEvent } from '../../ports/telegram.ts'
import type { PostedVolume } from '../../ports/volumes.ts'
import { onceDiskTakes } from '../../runtime/disk-failure.ts'
import type { JobContext } from '../../runtime/job-queue.ts'
import type { Carry, CarryingOptions } from '../carry-document.ts'
import type { ArrivingFile } from '../outgoing-file.ts'
import { createOutgoingThumbnail } from '../outgoing-thumbnail.ts'
import type { Posted } from '../transfer-endings.ts'
import {
  type FlushingJournal,
  type JournalLedger,
  openTransferJournal,
} from '../transfer-journal.ts'
import { delayFor, isLeaseLost, isRetryable, usesAttempt } from '../transfer-retry.ts'
import { createVolumesDigests, digestsOfWhole, type VolumesDigests } from './volume-digests.ts'
import {
  manifestRequests,
  type RequestWith,
  VOLUME_RULE,
  volumeRequests,
  volumeTransfers,
} from './volume-requests.ts'

export interface VolumeCarryingOptions extends CarryingOptions {
  spool: Pick<Spool, 'removeChunk'>
  gateway: CarryingOptions['gateway'] & Pick<TelegramGateway, 'locateAll'>
  /** Milliseconds for which an upload whose token is refused waits for another one of its sender. */
  maxDurationMs: number
  /** The volumes of an upload up to this byte are posted, and the files of their chunks are gone. */
  onVolumesPosted: (uploadId: string, postedBytes: number) => void
  now: () => number
}

/** Volumes whose parts are sent at one time. */
const IN_FLIGHT = 2
/**
 * The next volume begins when so much is left of the one before it: until its last parts have arrived
 * and it is read back and posted, the line would have nothing to do. Not before that: a volume that is
 * posted sooner makes room on the disk sooner.
 */
const OVERLAP_BYTES = 16 * MiB
/** How often it is looked whether the sender has brought another token. */
const TOKEN_LOOK_MS = 2_000

/**
 * Uploads that go as volumes. These are posted strictly in order, each as soon as its bytes are here,
 * and the manifest behind them once the upload is sealed. What is posted and hashed needs no disk.
 */
export function createVolumeCarrying(options: VolumeCarryingOptions): Carry {
  return async (upload, file, job) => {
    const { volumeBytes } = upload
    if (volumeBytes === null) throw new Error('an upload of one document has no volumes')
    const posted = await onceDiskTakes(() => options.ledger.volumes(upload.id), job.signal)
    const digests = await createVolumesDigests(file, { ...options, volumeBytes, posted })
    const cut = { size: upload.size, volumeBytes }
    return carryVolumes({ ...options, upload, file, job, posted, digests, cut })
  }
}

interface Carrying extends VolumeCarryingOptions {
  upload: Upload
  file: ArrivingFile
  job: JobContext
  /** In order, without a gap. */
  posted: PostedVolume[]
  digests: VolumesDigests
  cut: { size: number; volumeBytes: number }
}

async function carryVolumes(options: Carrying): Promise<Posted> {
  const { ledger, gateway, steps, upload, file, posted, digests, cut, now, log } = options
  const { id: uploadId } = upload
  const count = countVolumes(cut)
  const stopped = new AbortController()
  const signal = AbortSignal.any([options.job.signal, stopped.signal])
  /** Bytes that Telegram has of the volumes in flight, by their numbers. */
  const accepted = new Map<number, number>()
  /** Whether the first volume that is not posted leaves the line to the next one. */
  let isCalm = true

  const isFirst = (number: number): boolean => posted.length === number - 1

  function setCalm(calm: boolean): void {
    if (isCalm === calm) return
    isCalm = calm
    file.changed()
  }

  function slot<T>(work: () => Promise<T>): Promise<T> {
    return options.job.slot(() => {
      signal.throwIfAborted()
      return work()
    })
  }

  /** The percent counts over the whole file; what goes on is told of the first volume in flight. */
  function tell(number: number, event: TransferEvent): void {
    if (event.phase === 'sending') accepted.set(number, event.acceptedBytes)
    if (isFirst(number)) {
      const left = volumeAt(cut, number).length - (accepted.get(number) ?? 0)
      setCalm(event.phase === 'posting' || left <= OVERLAP_BYTES)
    }
    // Until the file is whole only what lasts is noted: bytes that have gone, and a wait.
    const isLasting = event.phase === 'sending' || event.phase === 'waiting'
    if (isLasting || (file.sealed && isFirst(number))) report(event)
  }

  function report(event: TransferEvent): void {
    const before = Math.min(cut.size, posted.length * cut.volumeBytes)
    const acceptedBytes = [...accepted.values()].reduce((sum, bytes) => sum + bytes, before)
    const volume = { number: Math.min(posted.length + 1, count), of: count }
    options.report(upload, { ...event, whole: { acceptedBytes, volume } })
  }

  /** While chunks come, so may a newer token: what has a sender is not given up for an old one. */
  async function grant(): Promise<Credentials> {
    const deadline = now() + options.maxDurationMs
    for (;;) {
      const token = await ledger.uploadToken(uploadId)
      try {
        return await steps.grant(upload, signal)
      } catch (error) {
        const isRefused = error instanceof AppError && error.code === 'TOKEN_REFUSED'
        if (!isRefused || file.sealed) throw error
        while ((await ledger.uploadToken(uploadId)) === token) {
          if (now() >= deadline || file.sealed) throw error
          await file.until(() => file.sealed, { signal, timeoutMs: TOKEN_LOOK_MS })
        }
      }
    }
  }

  /** The number of a message means another one elsewhere. */
  async function assertSameChannel(granted: Credentials): Promise<void> {
    const { channelId } = libraryKeyOf(granted)
    const kept = await ledger.fixVolumeChannel(uploadId, channelId)
    if (kept === null) throw uploadGone()
    if (kept === channelId) return
    const sentence = 'Another channel is connected by now. Add the file again'
    throw new AppError('TELEGRAM_CHANNEL_NOT_FOUND', sentence)
  }

  async function withJournal<T>(
    records: JournalLedger,
    work: (journal: FlushingJournal) => Promise<T>,
  ): Promise<T> {
    const open = () => openTransferJournal(uploadId, records, options)
    const journal = await onceDiskTakes(open, signal)
    try {
      return await work(journal)
    } finally {
      await journal.flush()
    }
  }

  /** Sends parts as their bytes come, until all are here and all volumes before are posted. */
  async function sendWhileArriving(number: number, requestWith: RequestWith): Promise<void> {
    const { start, length } = volumeAt(cut, number)
    const isDue = (): boolean => isFirst(number) && file.has(start, length)
    const mayGo = (): boolean => isFirst(number) || (isFirst(number - 1) && isCalm)
    const here = (): number => file.chunksIn(start, length)
    let seen = 0
    for (let failures = 0; !isDue(); ) {
      await file.until(() => isDue() || (mayGo() && here() !== seen), { signal })
      if (isDue()) return
      seen = here()
      try {
        const granted = await grant()
        const road = gateway.roadFor(granted, length, VOLUME_RULE)
        if (!gateway.sendsEarly(road, length)) return void (await file.until(isDue, { signal }))
        steps.assertNoWait(granted, length, VOLUME_RULE)
        if (isFirst(number)) setCalm(false)
        // Nothing is posted yet, so the folder does not matter.
        await slot(() => gateway.sendAvailable(requestWith(granted, null)))
        failures = 0
      } catch (error) {
        signal.throwIfAborted()
        log.warn({ uploadId, volume: number, err: error }, 'sending ahead of complete failed')
        // Its sender would wait for room for ever.
        if (!isRetryable(error) || isLeaseLost(error)) throw error
        if (usesAttempt(error)) failures++
        const delay = delayFor(error, failures)
        steps.reportWait(upload, error, delay)
        await file.until(isDue, { signal, timeoutMs: delay })
        seen = -1
      } finally {
        if (isFirst(number)) setCalm(true)
      }
    }
  }

  /**
   * A manifest of a volume that is gone would make a file that cannot be read, in whose place another
   * one may be deleted. A bot alone cannot look.
   */
  async function assertAllThere(granted: Credentials): Promise<void> {
    if (gateway.roadFor(granted, 1, VOLUME_RULE) === 'bot-api') return
    const ids = posted.map(({ messageId }) => messageId)
    const found = await gateway.locateAll(granted, ids, signal)
    const gone = posted.find(({ messageId, size }) => found.get(messageId)?.size !== size)
    if (!gone) return
    const { number, messageId } = gone
    const sentence = `Volume ${number} of ${count} was deleted in Telegram. Add the file again`
    const details = { volume: number, of: count, messageId }
    throw new AppError('FILE_INCOMPLETE', sentence, { details })
  }

  async function finish(
    size: number,
    requestWith: RequestWith,
    assertReady: (granted: Credentials) => Promise<void> = async () => {},
  ) {
    return steps.persist(upload, signal, async () => {
      const granted = await grant()
      await assertSameChannel(granted)
      steps.assertNoWait(granted, size, VOLUME_RULE)
      return slot(async () => {
        await assertReady(granted)
        const folderId = await steps.placeIn(upload, granted, signal)
        const post = await gateway.finish(requestWith(granted, folderId))
        return { granted, folderId, post }
      })
    })
  }

  async function postVolume(number: number): Promise<void> {
    const volume = volumeAt(cut, number)
    const { length: size, start } = volume
    await withJournal(volumeTransfers(ledger, number), async (journal) => {
      const onEvent = (event: TransferEvent): void => tell(number, event)
      const context = { ...options, journal, signal, onEvent }
      const requestWith = volumeRequests(context, volume)
      await sendWhileArriving(number, requestWith)
      const { post, granted } = await finish(size, requestWith)
      const { messageId, fileId } = post
      const { crc32, hashState } = await digests.of(number)
      const isUsers = gateway.roadFor(granted, size, VOLUME_RULE) === 'mtproto-user'
      const ids = { messageId, documentId: documentIdIn(fileId), fileId: isUsers ? null : fileId }
      const row: PostedVolume = { number, ...ids, size, crc32, hashState }
      const freedChunks = file.chunksBefore(start + size)
      const freed = { freedChunks, now: now() }
      const write = () => ledger.postVolume(uploadId, row, freed)
      // The message is posted: nothing may come between that and the row.
      if (!(await onceDiskTakes(write, signal))) throw uploadGone()
      posted.push(row)
      accepted.delete(number)
      log.info({ uploadId, volume: number, of: count, messageId }, 'a volume is posted')
      await free(number, freedChunks)
    })
    isCalm = true
    options.onVolumesPosted(uploadId, start + size)
    report({ phase: 'sending', acceptedBytes: 0 })
    file.changed()
  }

  /** Chunks of the volume before it as well: a process may have died while it removed them. */
  async function free(number: number, freedChunks: number): Promise<void> {
    const { start } = volumeAt(cut, Math.max(1, number - 1))
    for (let index = file.chunksBefore(start); index < freedChunks; index++) {
      await options.spool.removeChunk(upload, index).catch((err: unknown) => {
        log.warn({ uploadId, index, err }, 'a chunk that is in Telegram stays on the disk')
      })
    }
  }

  /** The first failure ends all that are in flight. */
  async function postVolumes(): Promise<void> {
    const flights = new Set<Promise<void>>()
    try {
      for (let number = posted.length + 1; number <= count; number++) {
        await file.until(() => posted.length >= number - IN_FLIGHT, { signal })
        const flight = postVolume(number).catch((error: unknown) => {
          stopped.abort(error)
          throw error
        })
        flights.add(flight)
        flight.then(
          () => flights.delete(flight),
          () => {},
        )
      }
      await Promise.all(flights)
    } finally {
      // Each of them uses the file, whose chunks go when this rejects.
      await Promise.allSettled(flights)
    }
  }

  function postManifest(): Promise<Posted> {
    return withJournal(ledger, async (journal) => {
      const whole = await digestsOfWhole(posted, options)
      const context = { ...options, journal, signal, onEvent: report }
      const thumbnail = createOutgoingThumbnail(uploadId, ledger, log)
      const manifest = { volumes: posted, digests: whole, thumbnail }
      const { bytes, requestWith } = manifestRequests(context, manifest)
      const { post, granted, folderId } = await finish(bytes, requestWith, assertAllThere)
      const result = { ...post, digests: whole }
      return { result, library: libraryKeyOf(granted), folderId }
    })
  }

  log.info({ uploadId, size: cut.size, volumes: count }, 'Background upload started')
  await postVolumes()
  // Whether the file is wanted is said by its sender.
  await file.until(() => file.sealed, { signal })
  return postManifest()
}
