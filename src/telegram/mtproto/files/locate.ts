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
  /** True: a CDN cannot be used, and Telegram is to send all bytes itself. */
  readonly withoutCdn?: boolean
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

/** A channel, as one account sees it. */
export interface MessagesOf {
  /** Names the account before it is connected. */
  accountId: string
  use: UseAccount
  channelId: string
}

export interface LocateRequest extends MessagesOf {
  messageId: number
  signal: AbortSignal
}

export interface LocateAllRequest extends MessagesOf {
  messageIds: readonly number[]
  signal: AbortSignal
}

export interface Locations {
  /** Rejects with MESSAGE_NOT_FOUND, or as Channels.use does. */
  find: (request: LocateRequest) => Promise<LocatedDocument>
  /** Asks anew, and leaves out messages that hold no document. Remembers nothing. */
  findAll: (request: LocateAllRequest) => Promise<Map<number, LocatedDocument>>
  /** Forgets messages that were changed or deleted: the next reader hears what they are now. */
  forget: (
    place: Pick<MessagesOf, 'accountId' | 'channelId'>,
    messageIds: readonly number[],
  ) => void
  /** The same of all that was found as this account. */
  forgetAccount: (accountId: string) => void
}

/** What one `channels.getMessages` brings at most. */
const MESSAGES_AT_ONCE = 100

/** Documents that are known at most. */
const MAX_LOCATIONS = 5000
/** Milliseconds for which a message is taken to be what it was. */
const LOCATION_TTL_MS = 3_600_000

/** Finds documents by their messages; what was found is remembered for an hour. */
export function createLocations(channels: Channels): Locations {
  const known = createTtlCache<LocatedDocument>({ maxEntries: MAX_LOCATIONS })

  const fetch: FetchMessages = ({ use, channelId }, messageIds, signal) =>
    use((account) =>
      channels.use(account, channelId, { signal }, async (channel) => {
        const { gramjs } = account
        const { Api } = gramjs
        const answer = await account.call(
          new Api.channels.GetMessages({
            channel: toInputChannel(gramjs, channel),
            id: messageIds.map((id) => new Api.InputMessageID({ id })),
          }),
          { signal },
        )
        return messagesIn(gramjs, answer).flatMap((message): Found | [] => {
          const document = documentOf(gramjs, message)
          if (!document || !(message instanceof Api.Message)) return []
          const fileName = fileNameOf(gramjs, document)
          return { message, document, fileName, thumbnail: thumbnailOf(gramjs, document) }
        })
      }),
    )

  async function load(request: LocateRequest): Promise<LocatedDocument> {
    const { messageId } = request
    // Shared by all that ask meanwhile, so that no caller's leaving ends it.
    const [found] = await fetch(request, [messageId], new AbortController().signal)
    if (found?.message.id !== messageId) throw notFound()
    return toDocument(request, found, fetch)
  }

  return {
    find: (request) => {
      const { messageId, signal } = request
      if (!isMessageId(messageId)) return Promise.reject(notFound())
      const loading = known.load(
        keyOf(request, messageId),
        () => load(request),
        () => LOCATION_TTL_MS,
      )
      return untilAborted(loading, signal)
    },
    findAll: async ({ messageIds, signal, ...place }) => {
      const ids = [...new Set(messageIds.filter(isMessageId))]
      const located = new Map<number, LocatedDocument>()
      for (let at = 0; at < ids.length; at += MESSAGES_AT_ONCE) {
        const found = await fetch(place, ids.slice(at, at + MESSAGES_AT_ONCE), signal)
        for (const one of found) located.set(one.message.id, toDocument(place, one, fetch))
      }
      return located
    },
    forget: (place, messageIds) => {
      for (const messageId of messageIds) known.delete(keyOf(place, messageId))
    },
    forgetAccount: (accountId) => known.deleteAll((key) => key.startsWith(`${accountId}/`)),
  }
}

function keyOf(
  { accountId, channelId }: Pick<MessagesOf, 'accountId' | 'channelId'>,
  messageId: number,
): string {
  return `${accountId}/${channelId}/${messageId}`
}

/** Message ids are 32-bit; anything else cannot even be asked for. */
function isMessageId(id: number): boolean {
  return Number.isInteger(id) && id >= 1 && id <= 0x7fff_ffff
}

interface Found {
  message: Api.Message
  document: Api.Document
  fileName: string | null
  thumbnail: StoredThumbnail | null
}

/** Those of at most a hundred messages that hold documents. */
type FetchMessages = (
  place: MessagesOf,
  messageIds: readonly number[],
  signal: AbortSignal,
) => Promise<Found[]>

function toDocument(place: MessagesOf, found: Found, fetch: FetchMessages): LocatedDocument {
  const { message, document, fileName } = found
  return {
    id: document.id.toString(),
    size: Number(document.size),
    fileName,
    mimeType: document.mimeType || null,
    modifiedAt: (message.editDate ?? message.date) * 1000,
    caption: message.fwdFrom ? null : message.message,
    locator: createLocator(place, found, fetch),
  }
}

function createLocator(
  place: MessagesOf,
  { message: { id: messageId }, document, thumbnail }: Found,
  fetch: FetchMessages,
): Locator {
  let refreshing: Promise<void> | null = null

  async function renew(): Promise<void> {
    const [found] = await fetch(place, [messageId], new AbortController().signal)
    const renewed = found && toStoredDocument(found.document)
    // The message was deleted, or edited: bytes of two files must not be mixed.
    if (!renewed || renewed.id !== locator.document.id) throw notFound()
    locator.document = { ...renewed, dcId: locator.document.dcId }
  }

  const locator: Locator = {
    use: place.use,
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
