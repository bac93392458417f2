import { createSpeedMeter } from '../speed.ts'
import type { TransferProgress, UploadPhase, UploadProgress, UploadWait } from './upload-api.ts'

export interface UploadStateOptions {
  uploadId: string
  fileName: string
  totalBytes: number
  chunkBytes: (index: number) => number
  onProgress: ((progress: UploadProgress) => void) | undefined
}

type BasePhase = Exclude<UploadPhase, 'waiting' | 'paused'>

/** The state of one upload: the parts that send and follow it report here, and it is read as one progress. */
export interface UploadState {
  readonly progress: UploadProgress
  /** Sets the id of the upload, and the chunks of it that the worker has. */
  begin: (uploadId: string, present: Iterable<number>) => void
  enter: (phase: BasePhase, error?: Error) => void
  pause: (paused: boolean) => void
  /** Reports how many bytes of one chunk have left; null: they must be sent again. */
  chunkMoved: (index: number, bytes: number | null) => void
  /** Called when the worker has acknowledged the chunk. */
  chunkStored: (index: number) => void
  /** Reports why one part of the upload, `source`, waits; null: it goes on. */
  wait: (source: string, wait: UploadWait | null) => void
  transferred: (progress: TransferProgress) => void
}

const NOTIFY_EVERY_MS = 100

export function createUploadState(options: UploadStateOptions): UploadState {
  const { chunkBytes, totalBytes, fileName } = options
  const meter = createSpeedMeter()
  const moving = new Map<number, number>()
  const waits = new Map<string, UploadWait>()
  let present = new Set<number>()
  let presentBytes = 0
  let { uploadId } = options
  let phase: BasePhase = 'opening'
  let paused = false
  let error: Error | null = null
  let transfer: TransferProgress | null = null
  let percent = 0
  let notifiedAt = 0

  function view(): UploadProgress {
    const sentBytes = presentBytes + sum(moving.values())
    const shown = shownPhase()
    const speed = phase === 'sending' && shown === 'sending' ? meter.read() : null
    const progress = {
      uploadId,
      fileName,
      phase: shown,
      sentBytes,
      storedBytes: presentBytes,
      totalBytes,
      speed,
      secondsLeft: speed ? Math.ceil((totalBytes - sentBytes) / speed) : null,
      telegramPercent: percent,
      telegramPhase: transfer?.phase ?? null,
      ...(transfer?.volume && { volume: transfer.volume }),
      waiting: waitNow(),
      error,
    }
    return { ...progress, text: describe(progress) }
  }

  function shownPhase(): UploadPhase {
    if (phase === 'completed' || phase === 'failed' || phase === 'cancelled') return phase
    if (paused && phase !== 'telegram') return 'paused'
    const wait = waitNow()
    const held = wait !== null && (wait.on !== 'telegram' || phase === 'telegram')
    return held ? 'waiting' : phase
  }

  /** A waiting chunk does not count while another one is being sent. */
  function waitNow(): UploadWait | null {
    const [wait] = waits.values()
    if (wait && moving.size === 0) return wait
    const seconds = transfer?.phase === 'waiting' ? transfer.retryAfter : null
    return seconds === null ? null : { on: 'telegram', seconds }
  }

  function notify(throttled = false): void {
    const now = Date.now()
    if (throttled && now - notifiedAt < NOTIFY_EVERY_MS) return
    notifiedAt = now
    options.onProgress?.(view())
  }

  return {
    get progress() {
      return view()
    },
    begin: (id, indices) => {
      uploadId = id
      present = new Set(indices)
      presentBytes = sum([...present].map(chunkBytes))
      moving.clear()
      waits.clear()
      meter.reset()
      transfer = null
      notify()
    },
    enter: (next, cause) => {
      phase = next
      error = cause ?? null
      if (next === 'completed') percent = 100
      notify()
    },
    pause: (value) => {
      paused = value
      meter.reset()
      notify()
    },
    chunkMoved: (index, bytes) => {
      if (bytes === null) moving.delete(index)
      else moving.set(index, Math.min(bytes, chunkBytes(index)))
      meter.note(presentBytes + sum(moving.values()))
      notify(bytes !== null)
    },
    chunkStored: (index) => {
      moving.delete(index)
      if (!present.has(index)) presentBytes += chunkBytes(index)
      present.add(index)
      meter.note(presentBytes + sum(moving.values()))
      notify()
    },
    wait: (source, wait) => {
      if (wait) waits.set(source, wait)
      else waits.delete(source)
      notify()
    },
    transferred: (progress) => {
      transfer = progress
      percent = Math.max(percent, progress.telegramPercent)
      notify()
    },
  }
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}

const SENTENCES: Record<UploadPhase, string> = {
  opening: 'Asking the worker',
  sending: 'Sending',
  waiting: 'Waiting',
  paused: 'Paused',
  telegram: 'On its way into Telegram',
  completed: 'In Telegram',
  failed: 'Failed',
  cancelled: 'Cancelled',
}

function describe({ phase, waiting, error, volume }: Omit<UploadProgress, 'text'>): string {
  if (phase === 'failed' && error) return error.message
  if (phase === 'telegram' && waiting === null && volume) {
    return `${SENTENCES[phase]}, volume ${volume.number} of ${volume.of}`
  }
  if (waiting === null || phase === 'paused') return SENTENCES[phase]
  if (waiting.on === 'network' && waiting.seconds === null) return 'No network: waiting for it'
  const sentence =
    waiting.on === 'network'
      ? `The worker cannot be reached: trying again in ${waiting.seconds} s`
      : `${waiting.on === 'telegram' ? 'Telegram' : 'The worker'} asks to wait ${waiting.seconds} s`
  return phase === 'waiting' ? sentence : `${SENTENCES[phase]}. ${sentence}`
}
