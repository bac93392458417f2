import type { z } from 'zod'
import type { ChannelCall, PostJournal, PostNote } from '../../core/ports/channel.ts'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { Peers } from '../../core/ports/cluster/peers.ts'
import type { TransferState } from '../../core/ports/records.ts'
import type { RemoteDocument } from '../../core/ports/telegram.ts'
import { AccountElsewhere, AppError } from '../../errors.ts'
import type { GatedGateway } from '../../telegram/gated-gateway.ts'
import { BlockCall, type Found, TelegramCall, type VALUES } from './calls.ts'
import type { OpenJournals } from './journals.ts'
import { locateAgain } from './local-documents.ts'
import { requestOf, type SmallPostCall } from './small-posts.ts'

export interface AnswerCallsOptions {
  /** This node's own gateways. */
  local: GatedGateway
  peers: Peers
  /** Of the posts that this node has asked others for. */
  journals: OpenJournals<PostNote>
  states: OpenJournals<TransferState | null>
}

/** Where a call comes from, and how it ends. */
interface Context {
  signal: AbortSignal
  emit: (event: unknown) => void
  asker: NodeAddress
}

type Answer = z.output<(typeof VALUES)[keyof typeof VALUES]> | Uint8Array | null

/** From now on other nodes may ask this one for what the accounts do that it has. */
export function answerCalls({ local, peers, journals, states }: AnswerCallsOptions): void {
  const { gateway, channel, shared } = local

  /** Saves where the post was begun: only there a later try finds it, at whatever node that is. */
  function journalOf(
    { journal, note }: Extract<TelegramCall, { call: 'post' }>,
    { signal, asker }: Context,
  ): PostJournal {
    return {
      load: async () => note,
      save: async (next) => {
        const body: TelegramCall = { call: 'note', journal, note: next }
        await peers.ask(asker, { kind: 'telegram', body }, { signal })
      },
    }
  }

  /** As `journalOf`. */
  function postSmall(call: SmallPostCall, context: Context): Promise<Answer> {
    const { journal } = call
    const { signal, asker } = context
    const save = async (state: TransferState | null): Promise<void> => {
      const body: TelegramCall = { call: 'state', journal, state }
      await peers.ask(asker, { kind: 'telegram', body }, { signal })
    }
    return gateway.finish(requestOf(call, { ...context, save }))
  }

  async function perform(call: TelegramCall, context: Context): Promise<Answer> {
    const { signal, emit } = context
    const ofChannel = (): ChannelCall => {
      const { credentials, patience } = call as Extract<TelegramCall, { call: 'position' }>
      const onWait = (wait: number): void => emit({ wait })
      return { credentials, signal, onWait, ...(patience !== undefined && { patience }) }
    }
    switch (call.call) {
      case 'locate':
        return toFound(await gateway.locate(call.credentials, call.messageId, signal, call.fileId))
      case 'locateAll': {
        const found = await gateway.locateAll(call.credentials, call.messageIds, signal)
        return [...found].map(([messageId, document]): [number, Found] => [
          messageId,
          toFound(document),
        ])
      }
      case 'place':
        return shared.placeOf(await locateAgain(gateway, call, signal), signal)
      case 'thumbnail':
        return gateway.readThumbnail(await locateAgain(gateway, call, signal), signal)
      case 'position':
        return channel.position(ofChannel())
      case 'page':
        return channel.page(ofChannel(), call.before)
      case 'messages':
        return channel.messages(ofChannel(), call.messageIds)
      case 'difference':
        return channel.difference(ofChannel(), call.pts)
      case 'edit':
        return channel.edit(ofChannel(), call.edit)
      case 'remove':
        return channel.remove(ofChannel(), call.messageIds, call.postedBy)
      case 'post': {
        const { text, copyOf } = call
        return channel.post(ofChannel(), { text, copyOf, journal: journalOf(call, context) })
      }
      case 'postSmall':
        return postSmall(call, context)
      case 'state':
        await states.save(call.journal, call.state)
        return null
      case 'note':
        await journals.save(call.journal, call.note)
        return null
      case 'forget':
        local.forget(call.credentials, call.messageIds)
        return null
    }
  }

  peers.answer('telegram', async (body, context) =>
    orElsewhere(async () => {
      const value = await perform(parsed(TelegramCall.safeParse(body)), context)
      return value instanceof Uint8Array ? value : { value }
    }),
  )

  peers.answer('block', async (body, { signal }) =>
    orElsewhere(async () => {
      const { offset, length, ...key } = parsed(BlockCall.safeParse(body))
      const document = await locateAgain(gateway, key, signal)
      const block = await gateway.readBlock(document, { offset, length }, signal)
      // It is encrypted, into other memory, as soon as this resolves.
      setImmediate(() => gateway.reuse?.(block))
      return block
    }),
  )
}

async function orElsewhere<T>(answer: () => Promise<T>): Promise<T | { elsewhere: NodeAddress }> {
  try {
    return await answer()
  } catch (error) {
    if (error instanceof AccountElsewhere) return { elsewhere: error.holder }
    throw error
  }
}

/** A node of another version may ask what this one does not know. */
function parsed<T>(result: z.ZodSafeParseResult<T>): T {
  if (result.success) return result.data
  throw new AppError('PEER_UNAVAILABLE', 'Another node of this service has another version', {
    cause: result.error,
    retryAfter: 5,
  })
}

function toFound({ locator: _, ...found }: RemoteDocument): Found {
  return found
}
