import { isFloodWait } from '../core/model/flood-wait.ts'
import type { ChannelGateway } from '../core/ports/channel.ts'
import type { Leases } from '../core/ports/cluster/leases.ts'
import type { Credentials } from '../core/ports/credentials.ts'
import type { Log } from '../core/ports/log.ts'
import type { PostedFile, Road } from '../core/ports/records.ts'
import type { PostRule, TelegramGateway, TransferRequest } from '../core/ports/telegram.ts'
import { AppError, shuttingDown } from '../errors.ts'
import { buffers } from '../lib/buffer-pool.ts'
import { createSemaphore } from '../lib/concurrency/semaphore.ts'
import { MiB } from '../lib/units.ts'
import type { CircuitLimits } from '../lib/waiting/circuit-breaker.ts'
import type { AccountWaits } from './account-waits.ts'
import { createBotApiRoad } from './bot-api/bot-api-road.ts'
import { type PostIntactOptions, postIntact } from './bot-api/post-intact.ts'
import { createChannelGateway } from './channel-gateway.ts'
import { createTelegramCircuits, type TelegramCircuits } from './circuits.ts'
import { createDocuments, type SharedReads } from './documents.ts'
import { toAppError } from './errors.ts'
import { BLOCK_BYTES, BOT_API_READABLE_BYTES, PART_BYTES } from './limits.ts'
import type { Account } from './mtproto/account/account.ts'
import { type Accounts, type Actor, createAccounts } from './mtproto/account/accounts.ts'
import { type Secrets, secretName } from './mtproto/account/bots.ts'
import { createChannels } from './mtproto/account/channels.ts'
import { accountLease } from './mtproto/account/lease-name.ts'
import {
  type CongestionLimits,
  DEFAULT_CONGESTION_LIMITS,
} from './mtproto/connection/congestion-window.ts'
import { createConnector } from './mtproto/connection/connect.ts'
import { describeCipher, loadCipher } from './mtproto/connection/encryption/cipher.ts'
import { DEFAULT_RETRY_POLICY, type RetryPolicy } from './mtproto/connection/request-channel.ts'
import { parseSession } from './mtproto/connection/session.ts'
import { lookForPostedFile } from './mtproto/files/lost-file.ts'
import { PART_TTL_MS } from './mtproto/files/transfer-state.ts'
import { sendAhead, sendAndPost, type UploadJob } from './mtproto/files/upload.ts'
import {
  actorFor,
  chooseRoad,
  documentLimits,
  mtprotoRoad,
  type RoadRules,
  sendsEarly,
} from './roads.ts'
import { isAsSent } from './verify.ts'

export interface TelegramGatewayOptions {
  log: Log
  /** Keeps bots' keys, encrypted. */
  secrets: Secrets
  /** Loaded, so that no job is sent before the end of a wait that outlived a restart. */
  waits: AccountWaits
  /** Those of this node, where it belongs to a cluster: an account is used while its lease is held. */
  leases?: Leases | undefined
  /** The worker's time, epoch milliseconds: parts have their age by it. */
  now?: () => number
  /** `local`: that Bot API server runs with `--local` and takes 2000 MB. */
  botApi: { root: string; local: boolean }
  /** PEM of the RSA key of an MTProto server that is not Telegram's. */
  serverKeyPem: string | null
  /** Encrypts by the native module where that is compiled; true by default. */
  native?: boolean | undefined
  /** Where a bot without a session begins, if not at Telegram. */
  server: { dcId: number; host: string; port: number } | null
  /** Milliseconds after which an unused account is disconnected: others open the same session. */
  idleMs?: number
  /** Accounts that are known at once. */
  maxAccounts?: number
  /** Bytes of parts that all uploads together hold in memory. */
  partBufferBytes?: number
  /** Milliseconds for which Telegram is trusted to keep parts. */
  partTtlMs?: number
  /** Requests and connections of one account at one data centre. */
  congestion?: Partial<CongestionLimits>
  /** Tries, deadlines and time of one request. */
  retryPolicy?: Partial<RetryPolicy> | undefined
  /** When the circuits before Telegram open, and for how long. */
  circuit?: Partial<CircuitLimits> | undefined
  /** Milliseconds to connect to a data centre, and again for its first answer. */
  openMs?: number | undefined
}

/** All of Telegram that the worker uses: files, and the messages of channels. */
export interface ConnectedTelegram extends TelegramGateway {
  readonly channel: ChannelGateway
  readonly shared: SharedReads
  /** Called when other nodes have changed or deleted messages: the next `locate` asks Telegram again. */
  readonly forget: (credentials: Credentials, messageIds: readonly number[]) => void
}

/** Telegram by all its roads: the Bot API, MTProto as the user, MTProto as the bot. */
export function createTelegramGateway(options: TelegramGatewayOptions): ConnectedTelegram {
  const { log, botApi, waits, now = Date.now } = options
  const cipher = loadCipher({ native: options.native ?? true })
  log.info({ cipher: cipher.kind }, describeCipher(cipher))
  const circuits = createTelegramCircuits({ log, server: options.server, limits: options.circuit })
  const accounts = createAccounts({
    log,
    cipher,
    connect: createConnector(circuits, options.openMs),
    secrets: options.secrets,
    serverKeyPem: options.serverKeyPem,
    server: options.server,
    idleMs: options.idleMs ?? 60_000,
    maxAccounts: options.maxAccounts ?? 256,
    limits: { ...DEFAULT_CONGESTION_LIMITS, ...options.congestion },
    retryPolicy: { ...DEFAULT_RETRY_POLICY, ...options.retryPolicy },
    onWait: waits.asked,
    leases: options.leases,
    onLeft: (name) => documents.forgetAccount(name),
  })
  const channels = createChannels()
  const memory = createSemaphore(options.partBufferBytes ?? 16 * MiB)
  const closing = new AbortController()
  const botRoad = createBotApiRoad({ ...botApi, log, circuit: circuits.botApi })
  const documents = createDocuments({
    accounts,
    channels,
    botRoad,
    closing: closing.signal,
  })
  const { partTtlMs = PART_TTL_MS } = options

  const rulesFor = (credentials: Credentials): RoadRules => ({
    botApiLocal: botApi.local,
    maxMtprotoBytes: maxBytes(accounts, credentials),
  })

  const roadFor = (credentials: Credentials, size: number, rule?: PostRule): Road =>
    chooseRoad(credentials, size, { ...rulesFor(credentials), ...rule })

  /** Ends with the caller or with the gateway; every failure becomes an AppError. */
  async function guarded<T>(
    outer: AbortSignal,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.any([outer, closing.signal])
    try {
      signal.throwIfAborted()
      return await work(signal)
    } catch (error) {
      signal.throwIfAborted()
      throw toAppError(error)
    }
  }

  /** Null for a session that cannot be read. */
  function nameOf(credentials: Credentials, actor: Actor): string | null {
    try {
      return accounts.nameOf(credentials, actor)
    } catch {
      return null
    }
  }

  /** A name for what would post on this road, or null where the credentials are no good for it. */
  function accountOn(road: Road, credentials: Credentials): string | null {
    if (road === 'bot-api') {
      return credentials.botToken === null ? null : `bot-api ${secretName(credentials.botToken)}`
    }
    return nameOf(credentials, actorFor(road))
  }

  function accountsOf(credentials: Credentials): string[] {
    const roads = ['bot-api', mtprotoRoad(credentials)] as const
    return roads.flatMap((road) => (road && accountOn(road, credentials)) ?? [])
  }

  async function asAccount<T>(
    road: Road,
    { credentials, signal }: Pick<TransferRequest, 'credentials' | 'signal'>,
    work: (account: Account) => Promise<T>,
  ): Promise<T> {
    waits.used(accountsOf(credentials))
    let connected = false
    try {
      return await accounts.use(credentials, actorFor(road), signal, (account) => {
        connected = true
        return work(account)
      })
    } catch (error) {
      signal.throwIfAborted()
      const failure = toAppError(error)
      // An account reports its own waits (`onWait`). Before there is one, the login's wait is noted here.
      if (!connected && isFloodWait(failure)) {
        waits.asked(accounts.nameOf(credentials, actorFor(road)), failure.retryAfter ?? 0)
      }
      throw error
    }
  }

  function byMtproto<T>(
    road: Exclude<Road, 'bot-api'>,
    request: TransferRequest,
    work: (job: UploadJob) => Promise<T>,
  ): Promise<T> {
    request.onEvent({ phase: 'connecting' })
    return asAccount(road, request, (account) =>
      work({ account, road, request, channels, memory, partTtlMs, now }),
    )
  }

  const lookForLost = (
    road: Exclude<Road, 'bot-api'>,
    request: TransferRequest,
  ): Promise<PostedFile | null> =>
    asAccount(road, request, (account) => lookForPostedFile({ account, channels, request }))

  async function byBotApi(request: TransferRequest): Promise<PostedFile> {
    const { session, apiId } = request.credentials
    const name = accountOn('bot-api', request.credentials)
    waits.used(accountsOf(request.credentials))
    const onEvent: TransferRequest['onEvent'] = (event) => {
      if (event.phase === 'waiting' && name !== null) waits.asked(name, event.retryAfter)
      request.onEvent(event)
    }
    // A wait of the user that looks is no wait of the bot's.
    const canLook = session !== null && apiId !== null
    const look = canLook ? () => lookForLost('mtproto-user', request) : undefined
    // One node at a time carries the files of an account, whatever the road.
    const carrier = actorFor(mtprotoRoad(request.credentials) ?? 'bot-api')
    return accounts.holding(request.credentials, carrier, request.signal, (signal) =>
      botRoad.send({ ...request, signal, onEvent }, look),
    )
  }

  function accountFor(credentials: Credentials, size: number, rule?: PostRule): string[] {
    try {
      const name = accountOn(roadFor(credentials, size, rule), credentials)
      return name === null ? [] : [name]
    } catch {
      return []
    }
  }

  /** What a bot alone may have posted, before there was a road by MTProto, is looked for first. */
  async function finishByMtproto(
    road: Exclude<Road, 'bot-api'>,
    request: TransferRequest,
  ): Promise<PostedFile> {
    const state = await request.journal.load()
    const mayBePosted = state?.road === 'bot-api' && state.postAttempts > 0
    const lost = mayBePosted ? await lookForLost(road, request) : null
    return lost ?? byMtproto(road, request, sendAndPost)
  }

  async function finish(request: TransferRequest): Promise<PostedFile> {
    const road = roadFor(request.credentials, request.file.size, request)
    if (road !== 'bot-api') return finishByMtproto(road, request)
    const other = mtprotoRoad(request.credentials)
    // It may have been posted there already, and the Bot API could not know.
    if (other !== null && (await hasBegunByMtproto(request)))
      return byMtproto(other, request, sendAndPost)
    try {
      return await postIntact(request, intactOptions(request))
    } catch (error) {
      // Near the border the server's limit may be lower than ours.
      if (other === null || !isTooLarge(error)) throw error
      return byMtproto(other, request, sendAndPost)
    }
  }

  function intactOptions(request: TransferRequest): PostIntactOptions {
    const { credentials, file, signal } = request
    const isReadable = file.size <= BOT_API_READABLE_BYTES || botApi.local
    return {
      canReadBack: isReadable || mtprotoRoad(credentials) !== null,
      post: () => byBotApi(request),
      isAsSent: async ({ messageId, fileId }, blocks) => {
        const document = await documents.locate(credentials, messageId, signal, fileId)
        const length = BLOCK_BYTES
        const read = (offset: number): Promise<Uint8Array> =>
          documents.readBlock(document, { offset, length }, signal)
        return document.size === file.size && isAsSent({ request, blocks, read, memory })
      },
      remove: async ({ messageId }) => {
        await channel.remove({ credentials, signal }, [messageId], 'bot').catch((err: unknown) => {
          signal.throwIfAborted()
          log.warn({ messageId, err }, 'the message of a damaged file stays')
        })
      },
    }
  }

  const channel = createChannelGateway({
    channels,
    botRoad,
    asAccount,
    guarded,
    onBotWait: (credentials, seconds) => {
      const name = accountOn('bot-api', credentials)
      if (name !== null) waits.asked(name, seconds)
    },
    onChanged: documents.forget,
  })

  return {
    channel,
    shared: {
      placeOf: (document, outer) =>
        guarded(outer, (signal) => documents.shared.placeOf(document, signal)),
      read: (credentials, place, block, outer) =>
        guarded(outer, (signal) => documents.shared.read(credentials, place, block, signal)),
    },
    forget: documents.forget,
    roadFor,
    leaseOf: (credentials) => {
      const road = mtprotoRoad(credentials) ?? 'bot-api'
      if (road === 'bot-api' && credentials.botToken === null) return null
      // A bot has one name on both of its roads.
      const name = nameOf(credentials, actorFor(road))
      return name === null ? null : accountLease(name)
    },
    documentLimits: (credentials) => documentLimits(credentials, rulesFor(credentials)),
    sendsEarly,
    assertReachable: (credentials, size, rule) => {
      const refusal = refusalOf(circuits, credentials, roadFor(credentials, size, rule))
      if (refusal) throw refusal
    },
    waitFor: (credentials, size, rule) => {
      const names = size === null ? accountsOf(credentials) : accountFor(credentials, size, rule)
      return names.length === 0 ? 0 : Math.min(...names.map(waits.secondsLeft))
    },
    waits: waits.all,
    sendAvailable: (request) =>
      guarded(request.signal, async (signal) => {
        const road = roadFor(request.credentials, request.file.size, request)
        if (road === 'bot-api' || !sendsEarly(road, request.file.size)) return
        await byMtproto(road, { ...request, signal }, sendAhead)
      }),
    finish: (request) => guarded(request.signal, (signal) => finish({ ...request, signal })),
    locate: (credentials, messageId, outer, fileId) =>
      guarded(outer, (signal) => documents.locate(credentials, messageId, signal, fileId)),
    locateAll: (credentials, messageIds, outer) =>
      guarded(outer, (signal) => documents.locateAll(credentials, messageIds, signal)),
    readBlock: (document, block, outer) =>
      guarded(outer, (signal) => documents.readBlock(document, block, signal)),
    readThumbnail: (document, outer) =>
      guarded(outer, (signal) => documents.readThumbnail(document, signal)),
    reuse: buffers.giveBack,
    circuits: () => ({ all: circuits.status(), vital: circuits.vital() }),
    windows: accounts.windows,
    close: async () => {
      closing.abort(shuttingDown())
      await accounts.close()
    },
  }
}

function maxBytes(accounts: Accounts, credentials: Credentials): number | null {
  const parts = accounts.maxParts(credentials)
  return parts === null ? null : parts * PART_BYTES
}

/** What the road would fail with now. Of a bot at MTProto nothing is known beforehand. */
function refusalOf(
  circuits: TelegramCircuits,
  { session: text }: Credentials,
  road: Road,
): Error | null {
  if (road === 'bot-api') return circuits.botApi.refusal()
  if (road === 'mtproto-bot' || text === null) return null
  const { dcId, address } = parseSession(text)
  return circuits.refusal(dcId, address)
}

async function hasBegunByMtproto({ journal }: TransferRequest): Promise<boolean> {
  const state = await journal.load()
  return state !== null && state.road !== 'bot-api'
}

function isTooLarge(error: unknown): boolean {
  return error instanceof AppError && error.code === 'FILE_TOO_LARGE'
}
