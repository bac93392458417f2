import type { UploadProgress, UploadWait } from 'telestore-client'
import { countOf, formatBytes, formatSeconds, formatSpeed } from '../format.ts'
import { isFinished, isInterrupted, type UploadFile } from './upload-file.ts'

/** The sentences of Uppy that the page shows. */
export function createLocale(maxFileBytes: number) {
  return {
    strings: {
      exceedsSize: `is larger than ${formatBytes(maxFileBytes)}, the most that Telegram takes here.`,
      inferiorSize: 'is empty. Telegram takes no empty files.',
      noDuplicates: 'is in the list already.',
    },
    pluralize: (count: number) => (count === 1 ? 0 : 1),
  }
}

export function sentenceOnLeftOut(count: number): string {
  return `${countOf(count, 'file')} left out that systems keep for themselves, such as .DS_Store.`
}

const TELEGRAM_PHASES: Readonly<Record<string, string>> = {
  queued: 'At the worker, waiting for its turn',
  connecting: 'Connecting to Telegram',
  resolving: 'Finding the channel',
  sending: 'On its way into Telegram',
  posting: 'Posting the message',
}

/** The state of a file as a sentence. `secondsLeft` are the seconds left of a wait that was asked for. */
export function sentenceOf(file: UploadFile, secondsLeft: number | null = null): string {
  const { progress, failure, reopens, storedBytes } = file.meta
  if (isFinished(file)) return 'in Telegram'
  if (failure) return adviseOn(failure)
  if (isInterrupted(file)) {
    const todo = reopens ? 'Go on' : 'Choose this file again'
    const rest = storedBytes > 0 ? ', and only what is missing is sent' : ''
    return `Stopped by a reload. ${todo}${rest}`
  }
  if (file.isPaused)
    return progress ? `Paused at ${percentOf(progress.sentBytes, progress.totalBytes)} %` : 'paused'
  if (!progress) return file.meta.sealed ? 'At the worker' : 'waiting'
  const { waiting } = progress
  const wait = waiting && { ...waiting, seconds: secondsLeft ?? waiting.seconds }
  return sentenceOfProgress({ ...progress, waiting: wait }, file.meta.telegramSpeed)
}

function sentenceOfProgress(progress: UploadProgress, telegramSpeed: number | null): string {
  const { phase, waiting, sentBytes, totalBytes, speed, secondsLeft, telegramPhase } = progress
  if (phase === 'waiting' && waiting) return sentenceOfWait(waiting)
  if (phase === 'failed') return progress.text
  if (phase === 'opening') return 'Asking the worker what it has'
  if (phase === 'sending') {
    const parts = [`${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`]
    if (speed) parts.push(formatSpeed(speed))
    if (secondsLeft !== null) parts.push(`${formatSeconds(secondsLeft)} left`)
    if (waiting) parts.push(sentenceOfWait(waiting))
    return parts.join(' · ')
  }
  const { volume } = progress
  const doing = TELEGRAM_PHASES[telegramPhase ?? ''] ?? 'On its way into Telegram'
  const words = volume ? `${doing} · volume ${volume.number} of ${volume.of}` : doing
  if (telegramPhase !== 'sending' || !telegramSpeed) return words
  const left = (1 - progress.telegramPercent / 100) * totalBytes
  return `${words} · ${formatSpeed(telegramSpeed)} · ${formatSeconds(left / telegramSpeed)} left`
}

function sentenceOfWait({ on, seconds }: UploadWait): string {
  if (on !== 'network')
    return `${on === 'telegram' ? 'Telegram' : 'The worker'} asks to wait ${seconds} s`
  if (seconds === null) return 'Waiting for the network. Nothing is lost'
  return `The worker cannot be reached: trying again in ${seconds} s`
}

export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.floor((100 * part) / whole)
}

const ADVICE: Readonly<Record<string, string>> = {
  NETWORK: 'Look at your connection, then try again',
  TOKEN_REFUSED: 'Sign in again to go on',
  TOKEN_MISSING: 'Sign in again to go on',
  UPLOAD_FAILED: 'Try again, or look at what Telegram said',
  FILE_EXISTS: 'Try again to say what to do',
  BAD_ANSWER: 'Something between here and the worker is in the way. Try again in a while',
}

/** Returns the error, with advice where there is some. */
function adviseOn({ code, message }: { code: string; message: string }): string {
  const advice = ADVICE[code]
  const sentence = message.replace(/[.\s]+$/, '')
  return advice ? `${sentence}. ${advice}` : sentence
}

/** Whether removing it from the list would delete bytes that are at the worker. */
export function wouldLose(file: UploadFile): boolean {
  const { progress, sealed, uploadId } = file.meta
  if (isFinished(file)) return false
  return sealed || (isInterrupted(file) && uploadId !== null) || (progress?.sentBytes ?? 0) > 0
}
