import { abortable } from '../../lib/waiting/abortable.ts'
import { uploadGone } from '../model/cancellation.ts'
import { countVolumes } from '../model/volumes/plan.ts'
import type { Upload } from '../ports/records.ts'
import type { TransferEvent } from '../ports/telegram.ts'

/** The furthest a phase may bring the bar before the next begins, in percent. */
const QUEUED = 5
const CONNECTING = 10
const RESOLVING = 20
const SENDING_FROM = 30
const SENDING_TO = 90
const POSTING = 92
/** While what was sent is read back, the bar goes from there to this. */
const VERIFIED = 99

export type ProgressEvent = (TransferEvent | { phase: 'receiving' } | { phase: 'queued' }) & {
  /** What is told is told of one of several posts: how far all of them are. */
  whole?: { acceptedBytes: number; volume: VolumeUnderWay }
}

/** Of a file that goes as volumes: the first one that is not in Telegram, or the last. */
export interface VolumeUnderWay {
  /** From 1 on. */
  number: number
  of: number
}

/** `changing`: a job changes messages of the library. */
export type Phase = ProgressEvent['phase'] | 'changing' | 'completed' | 'failed' | 'cancelled'

/** How far an upload is, as callers see it. A cancelled upload is a failed one in its own phase. */
export interface Progress {
  uploadId: string
  status: 'uploading' | 'completed' | 'failed'
  /** Percent, whole, never falling: a failure leaves it where it was. */
  progress: number
  phase: Phase
  /** `Upload failed: <sentence>`: deployed clients look for these words. */
  error: string | null
  /** The sentence alone. */
  reason: string | null
  messageId: number | null
  fileId: string | null
  /** Of the whole file, hex; null until it is known. */
  sha256: string | null
  /**
   * Seconds Telegram asks to wait, while `phase` is `waiting`; of an upload that failed for it, until
   * the file may be added again.
   */
  retryAfter: number | null
  /** Of an unfinished upload that goes as volumes; else it is not there. */
  volume?: VolumeUnderWay | undefined
}

/** Hears null when the upload is gone. */
export type ProgressListener = (progress: Progress | null, uploadId: string) => void

/** One upload, or all of one user. */
export type ProgressSubject = { uploadId: string } | { owner: string }

/** The one source of progress: the poll, the event stream and the socket all read from here. */
export interface ProgressBoard {
  /** The upload's progress, live if a transfer runs, else what its ledger row says. */
  of: (upload: Upload) => Progress
  /** Whether Telegram has asked a transfer to wait, and the time is not over. */
  isWaiting: (uploadId: string) => boolean
  /** Notes what a running transfer reports. */
  report: (upload: Upload, event: ProgressEvent) => void
  /** Tells listeners how the upload stands now that its row has changed. */
  refresh: (upload: Upload) => void
  /** Tells listeners that the row has reached its end, and forgets the live part. */
  finish: (upload: Upload) => void
  /** Forgets an upload that no longer exists; listeners hear of it with null. */
  forget: (upload: Pick<Upload, 'id' | 'owner'>) => void
  /** Forgets the live part of an upload with which another node goes on. */
  release: (uploadId: string) => void
  /** Tells listeners how something else stands that has an id of its own: a job of the library. */
  tell: (subject: Pick<Upload, 'id' | 'owner'>, progress: Progress) => void
  /** Calls back on every change until the returned function is called. */
  subscribe: (subject: ProgressSubject, listener: ProgressListener) => () => void
}

interface Live {
  percent: number
  /** What is done when nothing waits; null before the first report of it. */
  phase: Phase | null
  /** By `now`, until when Telegram has asked to wait. */
  waitUntil: number
  volume: VolumeUnderWay | null
}

/** `now`: epoch milliseconds. */
export function createProgressBoard(now: () => number = Date.now): ProgressBoard {
  const live = new Map<string, Live>()
  const listeners = new Map<string, Set<ProgressListener>>()

  function of(upload: Upload): Progress {
    if (upload.state !== 'receiving' && upload.state !== 'sealed') return finished(upload, now())
    const running = live.get(upload.id)
    const phase = upload.state === 'sealed' ? 'queued' : 'receiving'
    // Until the file is whole its sender is what it waits for.
    const waitMs = upload.state === 'sealed' ? (running?.waitUntil ?? 0) - now() : 0
    const volume = running?.volume ?? volumeUnderWay(upload)
    return {
      uploadId: upload.id,
      status: 'uploading',
      progress: Math.floor(
        running?.percent ?? Math.max(upload.lastPercent ?? 0, phase === 'queued' ? QUEUED : 0),
      ),
      // Answers to what was on its way before still come in while new requests wait.
      phase: waitMs > 0 ? 'waiting' : (running?.phase ?? phase),
      error: null,
      reason: null,
      messageId: null,
      fileId: null,
      sha256: null,
      retryAfter: waitMs > 0 ? Math.ceil(waitMs / 1000) : null,
      ...(volume !== null && { volume }),
    }
  }

  function tell({ id, owner }: Pick<Upload, 'id' | 'owner'>, progress: Progress | null): void {
    for (const subject of [{ uploadId: id }, { owner }]) {
      for (const listener of listeners.get(keyOf(subject)) ?? []) listener(progress, id)
    }
  }

  return {
    of,
    isWaiting: (uploadId) => (live.get(uploadId)?.waitUntil ?? 0) > now(),
    report: (upload, event) => {
      const before = live.get(upload.id)
      live.set(upload.id, {
        // Neither starting over after Telegram lost the parts nor a restart turns the bar back.
        percent: Math.max(
          before?.percent ?? upload.lastPercent ?? 0,
          percentAt(event, upload.size),
        ),
        // What went on before the wait goes on after it.
        phase: event.phase === 'waiting' ? (before?.phase ?? null) : event.phase,
        waitUntil:
          event.phase === 'waiting' ? now() + event.retryAfter * 1000 : (before?.waitUntil ?? 0),
        volume: event.whole?.volume ?? before?.volume ?? null,
      })
      tell(upload, of(upload))
    },
    refresh: (upload) => tell(upload, of(upload)),
    finish: (upload) => {
      live.delete(upload.id)
      tell(upload, of(upload))
    },
    forget: (upload) => {
      live.delete(upload.id)
      tell(upload, null)
    },
    release: (uploadId) => void live.delete(uploadId),
    tell,
    subscribe: (subject, listener) => {
      const key = keyOf(subject)
      const all = listeners.get(key) ?? new Set()
      listeners.set(key, all.add(listener))
      return () => {
        all.delete(listener)
        // Called again, it must not end listeners that have come since.
        if (all.size === 0 && listeners.get(key) === all) listeners.delete(key)
      }
    },
  }
}

function keyOf(subject: ProgressSubject): string {
  return 'owner' in subject ? `owner ${subject.owner}` : `upload ${subject.uploadId}`
}

/**
 * Resolves with the progress at the upload's end. Rejects with the signal's reason, with what `find`
 * rejects with, and with UPLOAD_NOT_FOUND when the upload is forgotten.
 */
export function whenEnded(
  board: Pick<ProgressBoard, 'of' | 'subscribe'>,
  uploadId: string,
  find: () => Promise<Upload>,
  signal: AbortSignal,
): Promise<Progress> {
  return abortable(signal, (resolve, reject) => {
    const onChange = (progress: Progress | null): void => {
      if (progress === null) reject(uploadGone())
      else if (progress.status !== 'uploading') resolve(progress)
    }
    const unsubscribe = board.subscribe({ uploadId }, onChange)
    // Looked for after that: an upload that ends during the look is not missed.
    find().then((upload) => onChange(board.of(upload)), reject)
    return unsubscribe
  })
}

function volumeUnderWay({ size, volumeBytes, postedVolumes }: Upload): VolumeUnderWay | null {
  if (volumeBytes === null) return null
  const of = countVolumes({ size, volumeBytes })
  return { number: Math.min(postedVolumes + 1, of), of }
}

function percentAt(event: ProgressEvent, size: number): number {
  const { acceptedBytes = size } = event.whole ?? {}
  // What goes on is a step of the whole only when all its bytes are there.
  if (event.whole && (acceptedBytes < size || event.phase === 'sending'))
    return sent(acceptedBytes, size)
  switch (event.phase) {
    case 'receiving':
    case 'waiting':
      return 0
    case 'queued':
      return QUEUED
    case 'connecting':
      return CONNECTING
    case 'resolving':
      return RESOLVING
    case 'sending':
      return sent(event.acceptedBytes, size)
    case 'posting':
      return POSTING + (VERIFIED - POSTING) * (event.verified ?? 0)
  }
}

function sent(acceptedBytes: number, size: number): number {
  return SENDING_FROM + (SENDING_TO - SENDING_FROM) * Math.min(1, acceptedBytes / size)
}

function finished(upload: Upload, now: number): Progress {
  const completed = upload.state === 'completed'
  return {
    uploadId: upload.id,
    status: completed ? 'completed' : 'failed',
    progress: completed ? 100 : (upload.lastPercent ?? 0),
    phase: completed ? 'completed' : upload.state === 'cancelled' ? 'cancelled' : 'failed',
    error: completed ? null : `Upload failed: ${upload.reason ?? 'unknown reason'}`,
    reason: completed ? null : upload.reason,
    messageId: upload.result?.messageId ?? null,
    fileId: upload.result?.fileId ?? null,
    sha256: upload.result?.digests?.sha256 ?? null,
    retryAfter: upload.retryAt === null ? null : secondsUntil(upload.retryAt, now),
  }
}

/** Null once the time has come. */
function secondsUntil(at: number, now: number): number | null {
  return at > now ? Math.ceil((at - now) / 1000) : null
}
