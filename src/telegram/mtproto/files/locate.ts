import type { StoredDocument } from '../../../core/ports/records.ts'
import type { RemoteDocument } from '../../../core/ports/telegram.ts'
import { AppError } from '../../../errors.ts'
import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { untilAborted } from '../../../lib/waiting/abortable.ts'
import type { Account } from '../account/account.ts'
import { toInputChannel } from '../account/channel.ts'
import type { Channels } from '../account/channels.ts'
import type { Api } from '../connection/gramjs.ts'
import {
  documentOf,
  fileNameOf,
  messagesIn,
  type StoredThumbnail,
  thumbnailOf,
  toStoredDocument,
} from './messages.ts'

/** What was found; only the caller knows by which road. */
export type LocatedDocument = Omit<RemoteDocument, 'road'>

/** Runs work with an account, which stays connected meanwhile. */
export type UseAccount = <T>(work: (account: Account) => Promise<T>) => Promise<T>

/** Where a document is read from. Shared by all its readers: what one of them learns, all use. */
export interface Locator {
  readonly use: UseAccount
  document: StoredDocument
  readonly thumbnail: StoredThumbnail | null
  /** Gets a new file reference; once for all callers that ask meanwhile. */
  refresh: (outdated: StoredDocument, signal: AbortSignal) => Promise<void>
  /** Set while Telegram sends readers of the document to a CDN. */
  cdn: CdnPlace | null
}

/** An answer of `upload.fileCdnRedirect`. */
export interface CdnPlace {
  readonly dcId: number
  readonly fileToken: Buffer
  readonly key: Buffer
  readonly iv: Buffer
  /** SHA-256 of ranges, by their first byte. */
  readonly hashes: Map<number, { limit: number; hash: Buffer }>
}

export interface LocateRequest {
  /** Names the account before it is connected. */
  accountId: string
  use: UseAccount
  channelId: string
  messageId: number
  signal: AbortSignal
}

export interface Locations {
  /** Rejects with MESSAGE_NOT_FOUND, or as Channels.use does. */
  find: (request: LocateRequest) => Promise<LocatedDocument>
}

/** Documents that are known at most. */
const MAX_LOCATIONS = 5000
/** Milliseconds for which a message is taken to be what it was. */
const LOCATION_TTL_MS = 3_600_000

/** Finds documents by their messages; what was found is remembered for an hour. */
export function createLocations(channels: Channels): Locations {
  const known = createTtlCache<LocatedDocument>({ maxEntries: MAX_LOCATIONS })

  async function fetch(request: LocateRequest, signal: AbortSignal): Promise<Found> {
    const { use, channelId, messageId } = request
    return use((account) =>
      channels.use(account, channelId, { signal }, async (channel) => {
        const { gramjs } = account
        const { Api } = gramjs
        const answer = await account.call(
          new Api.channels.GetMessages({
            channel: toInputChannel(gramjs, channel),
            id: [new Api.InputMessageID({ id: messageId })],
          }),
          { signal },
        )
        const message = messagesIn(gramjs, answer).find(({ id }) => id === messageId)
        const document = message && documentOf(gramjs, message)
        if (!document || !(message instanceof Api.Message)) throw notFound()
        return {
          message,
          document,
          fileName: fileNameOf(gramjs, document),
          thumbnail: thumbnailOf(gramjs, document),
        }
      }),
    )
  }

  async function load(request: LocateRequest): Promise<LocatedDocument> {
    // Shared by all that ask meanwhile, so that no caller's leaving ends it.
    const found = await fetch(request, new AbortController().signal)
    const { message, document, fileName } = found
    const locator = createLocator(request, found, fetch)
    return {
      id: document.id.toString(),
      size: Number(document.size),
      fileName,
      mimeType: document.mimeType || null,
      modifiedAt: (message.editDate ?? message.date) * 1000,
      locator,
    }
  }

  return {
    find: (request) => {
      const { accountId, channelId, messageId, signal } = request
      // Message ids are 32-bit; anything else cannot even be asked for.
      if (!Number.isInteger(messageId) || messageId < 1 || messageId > 0x7fff_ffff) {
        return Promise.reject(notFound())
      }
      const key = `${accountId}/${channelId}/${messageId}`
      const loading = known.load(
        key,
        () => load(request),
        () => LOCATION_TTL_MS,
      )
      return untilAborted(loading, signal)
    },
  }
}

interface Found {
  message: Api.Message
  document: Api.Document
  fileName: string | null
  thumbnail: StoredThumbnail | null
}

function createLocator(
  request: LocateRequest,
  { document, thumbnail }: Pick<Found, 'document' | 'thumbnail'>,
  fetch: (request: LocateRequest, signal: AbortSignal) => Promise<Found>,
): Locator {
  let refreshing: Promise<void> | null = null

  async function renew(): Promise<void> {
    const found = await fetch(request, new AbortController().signal)
    const renewed = toStoredDocument(found.document)
    // The message was edited: bytes of two files must not be mixed.
    if (renewed.id !== locator.document.id) throw notFound()
    locator.document = { ...renewed, dcId: locator.document.dcId }
  }

  const locator: Locator = {
    use: request.use,
    document: toStoredDocument(document),
    thumbnail,
    cdn: null,
    refresh: (outdated, signal) => {
      // Somebody else has renewed it since the caller looked.
      if (locator.document.fileReference !== outdated.fileReference) return Promise.resolve()
      refreshing ??= renew().finally(() => {
        refreshing = null
      })
      return untilAborted(refreshing, signal)
    },
  }
  return locator
}

function notFound(): AppError {
  return new AppError('MESSAGE_NOT_FOUND', 'The channel has no such file')
}
