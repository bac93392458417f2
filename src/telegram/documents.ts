import type { Credentials } from '../core/ports/credentials.ts'
import type { Road, StoredDocument } from '../core/ports/records.ts'
import type { RemoteDocument, TelegramGateway } from '../core/ports/telegram.ts'
import { AppError } from '../errors.ts'
import type { BotApiRoad } from './bot-api/bot-api-road.ts'
import {
  type BotBlockRequest,
  type BotDocuments,
  type BotLocator,
  createBotDocuments,
} from './bot-api/documents.ts'
import { THUMBNAIL_BYTES } from './limits.ts'
import { cannotSee } from './message-refusals.ts'
import type { Accounts } from './mtproto/account/accounts.ts'
import type { Channels } from './mtproto/account/channels.ts'
import { MainConnectionNeeded } from './mtproto/connection/no-main-connection.ts'
import type { Address } from './mtproto/connection/session.ts'
import { createLocations, type Locator, type MessagesOf } from './mtproto/files/locate.ts'
import { readBlock, readThumbnail } from './mtproto/files/read-block.ts'
import { actorFor, mtprotoRoad } from './roads.ts'

export interface DocumentsOptions {
  accounts: Accounts
  channels: Channels
  botRoad: BotApiRoad
  /** Aborts when the gateway closes. */
  closing: AbortSignal
}

/** Where any node reads a document's bytes without the main connection of its account: JSON. */
export interface SharedPlace {
  readonly document: StoredDocument
  /** Addresses on which connections may share the account's key. */
  readonly addresses: readonly Address[]
}

/** Reads by nodes that do not have the account. */
export interface SharedReads {
  /** For the node that has the account. Null: the document is not to be read by others. */
  placeOf: (document: RemoteDocument, signal: AbortSignal) => Promise<SharedPlace | null>
  /**
   * As TelegramGateway.readBlock, from such a place. Rejects where only the node that has the account can
   * go on: its file reference has ended, say. `size`: of the whole file.
   */
  read: (
    credentials: Credentials,
    place: SharedPlace,
    block: { offset: number; length: number; size: number },
    signal: AbortSignal,
  ) => Promise<Uint8Array>
}

export interface Documents
  extends Pick<TelegramGateway, 'locate' | 'locateAll' | 'readBlock' | 'readThumbnail'> {
  readonly shared: SharedReads
  /** Called when messages were changed or deleted: the next `locate` asks Telegram again. */
  forget: (credentials: Credentials, messageIds: readonly number[]) => void
  /** The same of all messages that the account of this name (Accounts.nameOf) has been asked for. */
  forgetAccount: (name: string) => void
}

/**
 * Finds and reads documents: by MTProto wherever the credentials allow it, because there a message
 * is enough; else by the Bot API, which knows files but no messages.
 */
export function createDocuments({
  accounts,
  channels,
  botRoad,
  closing,
}: DocumentsOptions): Documents {
  const locations = createLocations(channels)
  const botDocuments = createBotDocuments(botRoad, closing)

  /** Where messages are looked for. */
  function channelOf(credentials: Credentials, road: Exclude<Road, 'bot-api'>): MessagesOf {
    const actor = actorFor(road)
    // Readers share the locator, so no single reader's signal may end what it does.
    const forever = new AbortController().signal
    return {
      accountId: accounts.nameOf(credentials, actor),
      use: (work) => accounts.use(credentials, actor, forever, work),
      channelId: credentials.channelId,
    }
  }

  return {
    locate: async (credentials, messageId, signal, fileId) => {
      const road = mtprotoRoad(credentials)
      if (road === null) return locateAsBot(botDocuments, credentials, signal, fileId)
      const found = await locations.find({ ...channelOf(credentials, road), messageId, signal })
      return { ...found, road }
    },
    locateAll: async (credentials, messageIds, signal) => {
      const road = mtprotoRoad(credentials)
      if (road === null) throw cannotSee()
      const found = await locations.findAll({ ...channelOf(credentials, road), messageIds, signal })
      return new Map([...found].map(([messageId, document]) => [messageId, { ...document, road }]))
    },
    readBlock: ({ locator, size }, { offset, length }, signal) => {
      // The edge: it comes back from callers for whom it is opaque.
      const place = locator as Locator | BotLocator
      return 'road' in place
        ? botDocuments.readBlock({ locator: place, size, offset, length, signal })
        : readBlock({ locator: place, size, offset, length, signal })
    },
    readThumbnail: async ({ locator, size }, signal) => {
      const place = locator as Locator | BotLocator
      const picture =
        'road' in place
          ? await readWhole(botDocuments, { locator: place, size, signal })
          : await readThumbnail(place, signal)
      // Those of stickers are WebP.
      return picture && isJpeg(picture) ? picture : null
    },
    shared: {
      placeOf: async ({ locator }, signal) => {
        const place = locator as Locator | BotLocator
        if ('road' in place) return null
        return place.use(async (account) => {
          const { document, cdn } = place
          if (cdn !== null || document.dcId !== account.dcId) return null
          const addresses = await account.mediaAddresses(signal)
          return addresses.length === 0 ? null : { document, addresses }
        })
      },
      read: async (credentials, { document, addresses }, block, signal) => {
        const road = mtprotoRoad(credentials)
        if (road === null) throw cannotSee()
        return accounts.readFiles(credentials, actorFor(road), addresses, (account) => {
          const locator: Locator = {
            use: (work) => work(account),
            document,
            thumbnail: null,
            refresh: async () => {
              throw new MainConnectionNeeded()
            },
            cdn: null,
            withoutCdn: true,
          }
          return readBlock({ locator, ...block, signal })
        })
      },
    },
    forget: (credentials, messageIds) => {
      const road = mtprotoRoad(credentials)
      // A bot alone finds files without their messages.
      if (road !== null) locations.forget(channelOf(credentials, road), messageIds)
    },
    forgetAccount: locations.forgetAccount,
  }
}

/** To the Bot API a thumbnail is a file of its own. Null: it is too large for one. */
async function readWhole(
  documents: BotDocuments,
  { locator, size, signal }: Pick<BotBlockRequest, 'locator' | 'size' | 'signal'>,
): Promise<Uint8Array | null> {
  if (size > THUMBNAIL_BYTES) return null
  return documents.readBlock({ locator, size, offset: 0, length: size, signal })
}

function isJpeg([first, second, third]: Uint8Array): boolean {
  return first === 0xff && second === 0xd8 && third === 0xff
}

async function locateAsBot(
  documents: BotDocuments,
  { botToken }: Credentials,
  signal: AbortSignal,
  fileId: string | undefined,
): Promise<RemoteDocument> {
  if (botToken === null) {
    throw new AppError('TELEGRAM_NOT_CONNECTED', 'Connect Telegram in settings')
  }
  if (fileId === undefined) {
    const sentence =
      'fileId: is missing. A bot alone finds files by it: pass it in the link or its ticket'
    throw new AppError('INVALID_REQUEST', sentence, { details: { field: 'fileId' } })
  }
  return documents.find(botToken, fileId, signal)
}
