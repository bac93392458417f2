import type { z } from 'zod'
import type { Actor, ChannelCall, ChannelGateway, PostNote } from '../../core/ports/channel.ts'
import type { Leases, NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { PeerQuestionKind, Peers } from '../../core/ports/cluster/peers.ts'
import type { Credentials } from '../../core/ports/credentials.ts'
import type { Log } from '../../core/ports/log.ts'
import type { TransferState } from '../../core/ports/records.ts'
import type { RemoteDocument, TelegramGateway } from '../../core/ports/telegram.ts'
import { AppError } from '../../errors.ts'
import { firstThatMay, writers } from '../../telegram/channel-gateway.ts'
import type { GatedGateway } from '../../telegram/gated-gateway.ts'
import { answerCalls } from './answer-calls.ts'
import { callHolder } from './call-holder.ts'
import {
  answerOf,
  type BlockCall,
  type Found,
  NoBytes,
  type TelegramCall,
  VALUES,
  WaitEvent,
} from './calls.ts'
import { createOpenJournals } from './journals.ts'
import { type DocumentKey, locateAgain } from './local-documents.ts'
import { createSharedReader, type SharedReader } from './shared-reads.ts'
import { askToPost } from './small-posts.ts'

export interface ForwardingGatewayOptions {
  /** This node's own gateways, which use an account while this node has its lease. */
  local: GatedGateway
  leases: Pick<Leases, 'self' | 'holderOf'>
  peers: Peers
  /** Which node reads files of an account that another one has. */
  reads: 'holder' | 'shared'
  log: Log
  /** Milliseconds for which a call waits for an account that passes from one node to another. */
  patienceMs?: number
}

/** Where a document is read: at this node, or at the one that has the account. */
interface Locator extends DocumentKey {
  /** As this node's own gateway has located it. */
  local: RemoteDocument | null
  /** Null: the holder reads. */
  readonly shared: SharedReader | null
}

const PATIENCE_MS = 6_000
/** A reader most likely has bytes already: waiting is better than a download that breaks off. */
const BLOCK_PATIENCE_MS = 45_000

/**
 * Telegram for a node of a cluster: what needs an account that another node has is called there.
 * `sendAvailable` and `finish` are not: transfers run where their account is, and these reject with
 * AccountElsewhere otherwise.
 * Answers other nodes from now on.
 */
export function createForwardingGateway(options: ForwardingGatewayOptions): {
  gateway: TelegramGateway
  channel: ChannelGateway
} {
  const { local, leases, peers, log, patienceMs = PATIENCE_MS } = options
  const { self } = leases
  const journals = createOpenJournals<PostNote>()
  const states = createOpenJournals<TransferState | null>()
  answerCalls({ local, peers, journals, states })

  /** Asks for JSON. */
  async function ask<T>(
    { holder, value }: { holder: NodeAddress; value: z.ZodType<T> },
    body: TelegramCall,
    { signal, onWait }: Pick<ChannelCall, 'signal' | 'onWait'>,
  ): Promise<{ value: T } | { elsewhere: NodeAddress }> {
    const onEvent = (event: unknown): void => {
      const { data } = WaitEvent.safeParse(event)
      if (data) onWait?.(data.wait)
    }
    const answer = await peers.ask(holder, { kind: 'telegram', body }, { signal, onEvent })
    return understood(answerOf(value).safeParse(answer))
  }

  /** Asks for bytes; null: there are none. */
  async function askForBytes(
    holder: NodeAddress,
    question: { kind: PeerQuestionKind; body: TelegramCall | BlockCall },
    signal: AbortSignal,
  ): Promise<{ value: Uint8Array | null } | { elsewhere: NodeAddress }> {
    const answer = await peers.ask(holder, question, { signal })
    return answer instanceof Uint8Array ? { value: answer } : understood(NoBytes.safeParse(answer))
  }

  /** By this node itself, or with `body` by the one that has the account. */
  function call<T>(
    asked: Pick<ChannelCall, 'signal' | 'onWait'>,
    value: z.ZodType<T>,
    byItself: () => Promise<T>,
    body: () => TelegramCall | Promise<TelegramCall>,
  ): Promise<T> {
    return callHolder({
      self,
      signal: asked.signal,
      patienceMs,
      local: byItself,
      remote: async (holder) => ask({ holder, value }, await body(), asked),
    })
  }

  /** What the holder has found, or this node itself, for all of this node's readers. */
  function toDocument(
    { credentials, messageId, fileId }: Omit<DocumentKey, 'id'>,
    found: RemoteDocument | Found,
  ): RemoteDocument {
    const key = { credentials, messageId, fileId, id: found.id }
    const locator: Locator = {
      ...key,
      local: 'locator' in found ? found : null,
      shared: options.reads === 'holder' ? null : createSharedReader(key, { placeOf, ...local }),
    }
    return { ...found, locator }
  }

  async function placeOf(holder: NodeAddress, key: DocumentKey, signal: AbortSignal) {
    const body: TelegramCall = { call: 'place', ...keyOf(key) }
    const answer = await ask({ holder, value: VALUES.place }, body, { signal })
    return 'value' in answer ? answer.value : null
  }

  /** As this node's own gateway locates it. */
  async function own(locator: Locator, signal: AbortSignal): Promise<RemoteDocument> {
    locator.local ??= await locateAgain(local.gateway, locator, signal)
    return locator.local
  }

  /** The other account of the user knows the messages by this one's reads. */
  async function forget(
    { credentials }: ChannelCall,
    actor: Actor,
    messageIds: readonly number[],
  ): Promise<void> {
    local.forget(credentials, messageIds)
    if (local.channel.reader(credentials) === actor) return
    const lease = local.gateway.leaseOf(credentials)
    try {
      const holder = lease && (await leases.holderOf(lease))
      if (holder === null || holder === self) return
      const body: TelegramCall = { call: 'forget', credentials, messageIds: [...messageIds] }
      await ask({ holder, value: VALUES.forget }, body, {
        signal: AbortSignal.timeout(patienceMs),
      })
    } catch (err) {
      log.warn({ err }, 'another node may show for an hour what a message was before')
    }
  }

  const { gateway, channel } = local
  return {
    gateway: {
      ...gateway,
      locate: async (credentials, messageId, signal, fileId) => {
        const key = { credentials, messageId, fileId }
        let mine: RemoteDocument | null = null
        const found = await call(
          { signal },
          VALUES.locate,
          async () => {
            mine = await gateway.locate(credentials, messageId, signal, fileId)
            return mine
          },
          () => ({ call: 'locate', ...key }),
        )
        return toDocument(key, mine ?? found)
      },
      locateAll: async (credentials, messageIds, signal) => {
        let mine: Map<number, RemoteDocument> | null = null
        const found = await call(
          { signal },
          VALUES.locateAll,
          async () => {
            mine = await gateway.locateAll(credentials, messageIds, signal)
            return [...mine]
          },
          () => ({ call: 'locateAll', credentials, messageIds: [...messageIds] }),
        )
        const all: Iterable<[number, RemoteDocument | Found]> = mine ?? found
        return new Map(
          [...all].map(([messageId, document]) => [
            messageId,
            toDocument({ credentials, messageId }, document),
          ]),
        )
      },
      readBlock: (document, { offset, length }, signal) => {
        // The edge: it comes back from callers for whom it is opaque.
        const locator = document.locator as Locator
        const body = { ...keyOf(locator), offset, length }
        return callHolder({
          self,
          signal,
          patienceMs: BLOCK_PATIENCE_MS,
          local: async () =>
            gateway.readBlock(await own(locator, signal), { offset, length }, signal),
          remote: async (holder) => {
            const block = { offset, length, size: document.size }
            const bytes = await locator.shared?.read(holder, block, signal)
            if (bytes) return { value: bytes }
            const answer = await askForBytes(holder, { kind: 'block', body }, signal)
            return 'value' in answer ? { value: answer.value ?? new Uint8Array() } : answer
          },
        })
      },
      postSmall: (request) => {
        const { signal, onEvent, journal } = request
        const onWait = (retryAfter: number): void => onEvent({ phase: 'waiting', retryAfter })
        const save = (state: TransferState | null): Promise<void> =>
          state === null ? journal.reset() : journal.save(state)
        return states.lend({ save }, (name) =>
          call(
            { signal, onWait },
            VALUES.postSmall,
            () => gateway.finish(request),
            () => askToPost(request, name),
          ),
        )
      },
      readThumbnail: (document, signal) => {
        const locator = document.locator as Locator
        const body: TelegramCall = { call: 'thumbnail', ...keyOf(locator) }
        return callHolder({
          self,
          signal,
          patienceMs,
          local: async () => gateway.readThumbnail(await own(locator, signal), signal),
          remote: (holder) => askForBytes(holder, { kind: 'telegram', body }, signal),
        })
      },
    },
    channel: {
      reader: channel.reader,
      position: (asked) =>
        call(
          asked,
          VALUES.position,
          () => channel.position(asked),
          () => ({ call: 'position', ...callOf(asked) }),
        ),
      page: (asked, before) =>
        call(
          asked,
          VALUES.page,
          () => channel.page(asked, before),
          () => ({ call: 'page', ...callOf(asked), before }),
        ),
      messages: (asked, ids) =>
        call(
          asked,
          VALUES.messages,
          () => channel.messages(asked, ids),
          () => ({ call: 'messages', ...callOf(asked), messageIds: [...ids] }),
        ),
      difference: (asked, pts) =>
        call(
          asked,
          VALUES.difference,
          () => channel.difference(asked, pts),
          () => ({ call: 'difference', ...callOf(asked), pts }),
        ),
      // A user's two accounts may be at two nodes: each is asked by itself.
      edit: (asked, edit) =>
        firstThatMay(writers(asked.credentials, edit.postedBy), async (road) => {
          const alone = { ...asked, credentials: only(road, asked.credentials) }
          const edited = await call(
            alone,
            VALUES.edit,
            () => channel.edit(alone, edit),
            () => ({ call: 'edit', ...callOf(alone), edit }),
          )
          await forget(asked, actorOf(road), [edit.messageId])
          return edited
        }),
      remove: async (asked, ids, postedBy) => {
        let left: readonly number[] = ids
        for (const road of writers(asked.credentials, postedBy)) {
          if (left.length === 0) break
          const alone = { ...asked, credentials: only(road, asked.credentials) }
          const messageIds = [...left]
          try {
            const { refusedIds } = await call(
              alone,
              VALUES.remove,
              () => channel.remove(alone, messageIds, postedBy),
              () => ({ call: 'remove', ...callOf(alone), messageIds, postedBy }),
            )
            left = refusedIds
          } finally {
            await forget(asked, actorOf(road), messageIds)
          }
        }
        // With no account at all, the refusal is this node's to say.
        return left === ids ? channel.remove(asked, ids, postedBy) : { refusedIds: [...left] }
      },
      post: (asked, post) =>
        firstThatMay(writers(asked.credentials, null), (road) => {
          const alone = { ...asked, credentials: only(road, asked.credentials) }
          const { text, copyOf } = post
          return journals.lend(post.journal, (journal) =>
            call(
              alone,
              VALUES.post,
              () => channel.post(alone, post),
              async () => {
                const note = await post.journal.load()
                return { call: 'post', ...callOf(alone), text, copyOf, note, journal }
              },
            ),
          )
        }),
    },
  }
}

function understood<T>(result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data
  throw new AppError('PEER_UNAVAILABLE', 'Another node of this service has another version', {
    cause: result.error,
    retryAfter: 5,
  })
}

function keyOf({ credentials, messageId, fileId, id }: DocumentKey): DocumentKey {
  return { credentials, messageId, fileId, id }
}

function callOf({ credentials, patience }: ChannelCall): Pick<ChannelCall, 'credentials'> & {
  patience?: number
} {
  return { credentials, ...(patience !== undefined && { patience }) }
}

/** The credentials of one of a user's two accounts. */
function only(road: ReturnType<typeof writers>[number], credentials: Credentials): Credentials {
  return actorOf(road) === 'user'
    ? { ...credentials, botToken: null }
    : { ...credentials, session: null }
}

function actorOf(road: ReturnType<typeof writers>[number]): Actor {
  return road === 'mtproto-user' ? 'user' : 'bot'
}
