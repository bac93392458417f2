import { basename } from 'node:path'
import { isFloodWait } from '../../core/model/flood-wait.ts'
import type { RemoteDocument } from '../../core/ports/telegram.ts'
import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import { backoff, retry } from '../../lib/waiting/retry.ts'
import { isPeerDown } from '../circuits.ts'
import { unavailable } from '../errors.ts'
import type { BotApiRoad } from './bot-api-road.ts'
import type { BotFile } from './read-file.ts'

/** Where a bot reads a document. Shared by all its readers; holds the bot's token: never logged. */
export interface BotLocator {
  readonly road: 'bot-api'
  readonly fileId: string
  file: BotFile
  /** The request for a new path, which all readers share; null when there is none. */
  renewing: Promise<void> | null
}

export interface BotBlockRequest {
  locator: BotLocator
  /** Bytes in the whole file. */
  size: number
  offset: number
  /** May pass the end of the file. */
  length: number
  signal: AbortSignal
}

/** Documents that a bot knows by their `file_id`. */
export interface BotDocuments {
  /**
   * Rejects with MESSAGE_NOT_FOUND for a file_id that is not this bot's, FILE_TOO_LARGE above
   * 20 MB (unless the server is local), TELEGRAM_SESSION_INVALID, TELEGRAM_FLOOD_WAIT and
   * TELEGRAM_UNAVAILABLE.
   */
  find: (token: string, fileId: string, signal: AbortSignal) => Promise<RemoteDocument>
  /** Never fewer bytes than the file has there. Asks for a new path when the old one has ended. */
  readBlock: (request: BotBlockRequest) => Promise<Uint8Array>
}

/** A path is good for an hour at least (core.telegram.org/bots/api#getfile). */
const LOCATION_TTL_MS = 50 * 60_000
const MAX_LOCATIONS = 5000
const ATTEMPTS = 4
/** Milliseconds for which a reader waits while the Bot API is down. */
const OUTAGE_MS = 45_000
/** Seconds of a flood wait that a reader is kept waiting for; a longer one is an error. */
const MAX_WAIT_SECONDS = 5

/** `closing` ends what is asked for all readers together. */
export function createBotDocuments(
  road: Pick<BotApiRoad, 'findFile' | 'readBlock'>,
  closing: AbortSignal,
): BotDocuments {
  const known = createTtlCache<RemoteDocument>({ maxEntries: MAX_LOCATIONS })
  // Shared by all that ask meanwhile, so no single reader's leaving ends it.
  const ask: AskForFile = (token, fileId) =>
    retry(() => road.findFile(token, fileId, closing), {
      attempts: ATTEMPTS,
      delayFor,
      signal: closing,
    })

  return {
    find: (token, fileId, signal) => {
      const load = async (): Promise<RemoteDocument> => toDocument(await ask(token, fileId), fileId)
      const loading = known.load(`${token}/${fileId}`, load, () => LOCATION_TTL_MS)
      return untilAborted(loading, signal)
    },
    readBlock: (request) => readBlock(request, road, ask),
  }
}

type AskForFile = (token: string, fileId: string) => Promise<BotFile>

async function readBlock(
  { locator, size, offset, length, signal }: BotBlockRequest,
  road: Pick<BotApiRoad, 'readBlock'>,
  ask: AskForFile,
): Promise<Uint8Array> {
  const expected = Math.min(length, size - offset)
  if (expected <= 0) return new Uint8Array()
  let { file } = locator
  const read = async (attempt: number): Promise<Uint8Array> => {
    if (attempt > 1) await untilAborted(renewOnce(locator, file, ask), signal)
    file = locator.file
    const bytes = await road.readBlock(file, { offset, length: expected }, signal)
    if (bytes.length === expected) return bytes
    throw unavailable(new Error('Telegram sent fewer bytes than the file has'))
  }
  let outageMs = OUTAGE_MS
  const again = (error: unknown, attempt: number): number | null => {
    if (isPeerDown(error)) {
      const delay = (error.retryAfter ?? 1) * 1000 + backoff(1, { baseMs: 500 })
      outageMs -= delay
      return outageMs < 0 ? null : delay
    }
    // A path that has ended looks like any failure, so the first one is never the last.
    return delayFor(error, attempt) ?? (attempt === 1 && !isFloodWait(error) ? 0 : null)
  }
  const counts = (error: unknown): boolean => !isPeerDown(error)
  return retry(read, { attempts: ATTEMPTS, delayFor: again, counts, signal })
}

/** A new path, asked for once for all whose read of `failed` went wrong. */
function renewOnce(locator: BotLocator, failed: BotFile, ask: AskForFile): Promise<void> {
  if (locator.file !== failed) return Promise.resolve()
  locator.renewing ??= renew(locator, ask).finally(() => {
    locator.renewing = null
  })
  return locator.renewing
}

async function renew(locator: BotLocator, ask: AskForFile): Promise<void> {
  const { token, uniqueId } = locator.file
  const file = await ask(token, locator.fileId)
  // Bytes of two files must not be mixed.
  if (file.uniqueId !== uniqueId) throw new AppError('MESSAGE_NOT_FOUND', 'The file has changed')
  locator.file = file
}

function toDocument(file: BotFile, fileId: string): RemoteDocument {
  const { uniqueId, size, path } = file
  if (size === null) throw new AppError('TELEGRAM_REJECTED', 'Telegram gave no size for the file')
  const locator: BotLocator = { road: 'bot-api', fileId, file, renewing: null }
  return {
    id: uniqueId,
    size,
    fileName: basename(path),
    mimeType: null,
    // The Bot API does not say when a file was posted.
    modifiedAt: null,
    caption: null,
    road: 'bot-api',
    locator,
  }
}

function delayFor(error: unknown, attempt: number): number | null {
  if (!(error instanceof AppError) || !error.retryable) return null
  // A caller that can wait does so by itself; all others get the error at once.
  if (isPeerDown(error)) return null
  if (!isFloodWait(error)) return backoff(attempt)
  const { retryAfter = 1 } = error
  return retryAfter <= MAX_WAIT_SECONDS ? retryAfter * 1000 : null
}
