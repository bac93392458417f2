import { AppError } from '../../errors.ts'
import { createFairSlots } from '../../lib/concurrency/fair-slots.ts'
import { createSharesByKey } from '../../lib/concurrency/shares-by-key.ts'
import { MiB } from '../../lib/units.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import { orTooMany } from '../model/flood-wait.ts'
import { libraryKeyOf } from '../model/library/posts.ts'
import type { Catalogue } from '../ports/catalogue.ts'
import type { ChannelGateway } from '../ports/channel.ts'
import type { Credentials, CredentialsProvider } from '../ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'
import type { WorkGate } from '../runtime/work-gate.ts'

export interface ThumbnailServiceOptions {
  catalogue: Pick<Catalogue, 'libraryFile'>
  credentials: Pick<CredentialsProvider, 'forUpload'>
  gateway: Pick<TelegramGateway, 'locate' | 'readThumbnail' | 'reuse'>
  channel: Pick<ChannelGateway, 'reader'>
  workGate: Pick<WorkGate, 'assertNew'>
  /** Bytes of thumbnails that are kept in memory. */
  maxBytes?: number
}

export interface FoundThumbnail {
  /** The message's, or the picture itself where only that can be found. */
  document: RemoteDocument
  /** Core's user id of the token's owner. */
  owner: string
}

/**
 * Small pictures of files. Calls reject as `forUpload` and the gateway
 * do, with SHUTTING_DOWN, and with TOO_MANY_REQUESTS where Telegram asks to wait.
 */
export interface ThumbnailService {
  /**
   * The document of a message, for which Telegram is asked once an hour at the most. Rejects with
   * MESSAGE_NOT_FOUND, and THUMBNAIL_NOT_FOUND where the library knows of no picture.
   */
  find: (token: string, messageId: number, signal: AbortSignal) => Promise<FoundThumbnail>
  /** The same for a caller who may read this file with these credentials of its owner. */
  findFor: (
    credentials: Credentials,
    messageId: number,
    signal: AbortSignal,
  ) => Promise<FoundThumbnail>
  /** A JPEG, shared by all its readers. Rejects with THUMBNAIL_NOT_FOUND. */
  read: (found: FoundThumbnail, signal: AbortSignal) => Promise<Uint8Array>
}

/** Thumbnails have 10 to 20 KB: those of some screens. */
const KEPT_BYTES = 8 * MiB
/** Requests to Telegram at a time, of all users. Transfers and downloads have the rest. */
const MAX_READS = 16
/** Of one user: an account that has to wait must not hold up the others. */
const MAX_READS_OF_USER = 4

export function createThumbnailService(options: ThumbnailServiceOptions): ThumbnailService {
  const { catalogue, credentials, gateway, workGate } = options
  const kept = createPictures(options.maxBytes ?? KEPT_BYTES)
  const reading = new Map<string, Promise<Uint8Array>>()
  const shares = createSharesByKey()
  const slots = createFairSlots(MAX_READS)

  async function inTurn<T>(owner: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const giveBack = await shares.take(owner, { weight: 1, limit: MAX_READS_OF_USER, signal })
    try {
      const release = await slots.acquire(owner, signal)
      return await work().finally(release)
    } catch (error) {
      throw orTooMany(error)
    } finally {
      giveBack()
    }
  }

  async function load(document: RemoteDocument): Promise<Uint8Array> {
    // Shared by all that ask meanwhile, so that no caller's leaving ends it.
    const bytes = await gateway.readThumbnail(document, new AbortController().signal)
    if (bytes === null) throw noThumbnail()
    // A copy, because an answer may lie in memory of a quarter of a megabyte.
    const picture = Uint8Array.from(bytes)
    gateway.reuse?.(bytes)
    kept.add(document.id, picture)
    return picture
  }

  function loadOnce(document: RemoteDocument): Promise<Uint8Array> {
    const { id } = document
    const running = reading.get(id)
    if (running !== undefined) return running
    const started = load(document).finally(() => reading.delete(id))
    reading.set(id, started)
    return started
  }

  async function findFor(
    granted: Credentials,
    messageId: number,
    signal: AbortSignal,
  ): Promise<FoundThumbnail> {
    workGate.assertNew()
    const file = await catalogue.libraryFile(libraryKeyOf(granted), messageId)
    if (file === null) {
      throw new AppError('MESSAGE_NOT_FOUND', 'There is no such file in the library')
    }
    if (!file.hasThumbnail) throw noThumbnail()
    const { userId: owner } = granted
    // A bot that cannot see messages finds no document, but the picture by its own id.
    const thumbnailId = options.channel.reader(granted) === null ? file.thumbnailId : undefined
    if (thumbnailId === null) throw noThumbnail()
    const locate = () => gateway.locate(granted, messageId, signal, thumbnailId)
    const document = await inTurn(owner, signal, locate)
    return { document, owner }
  }

  return {
    find: async (token, messageId, signal) => {
      workGate.assertNew()
      return findFor(await credentials.forUpload(token), messageId, signal)
    },
    findFor,
    read: async ({ document, owner }, signal) =>
      kept.get(document.id) ??
      inTurn(owner, signal, async () => {
        // Another reader may have brought it meanwhile.
        return kept.get(document.id) ?? untilAborted(loadOnce(document), signal)
      }),
  }
}

function noThumbnail(): AppError {
  return new AppError('THUMBNAIL_NOT_FOUND', 'There is no small picture of this file')
}

interface Pictures {
  get: (documentId: string) => Uint8Array | undefined
  add: (documentId: string, picture: Uint8Array) => void
}

/** Bounded by their bytes; those that were read longest ago go first. */
function createPictures(maxBytes: number): Pictures {
  const pictures = new Map<string, Uint8Array>()
  let bytes = 0

  function take(id: string): Uint8Array | undefined {
    const picture = pictures.get(id)
    if (pictures.delete(id)) bytes -= picture?.length ?? 0
    return picture
  }

  function add(id: string, picture: Uint8Array): void {
    take(id)
    pictures.set(id, picture)
    bytes += picture.length
    for (const oldest of pictures.keys()) {
      if (bytes <= maxBytes) return
      take(oldest)
    }
  }

  return {
    get: (id) => {
      const picture = take(id)
      if (picture) add(id, picture)
      return picture
    },
    add,
  }
}
