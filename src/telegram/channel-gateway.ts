import type { Actor, ChannelCall, ChannelGateway } from '../core/ports/channel.ts'
import type { Credentials } from '../core/ports/credentials.ts'
import type { Road } from '../core/ports/records.ts'
import { AppError } from '../errors.ts'
import type { BotApiRoad } from './bot-api/bot-api-road.ts'
import { toAppError } from './errors.ts'
import { cannotSee } from './message-refusals.ts'
import type { Account } from './mtproto/account/account.ts'
import type { Channels } from './mtproto/account/channels.ts'
import { postMessage } from './mtproto/channel/post-message.ts'
import {
  readDifference,
  readMessages,
  readPage,
  readPosition,
} from './mtproto/channel/read-channel.ts'
import { deleteMessages, editMessage, sortByPoster } from './mtproto/channel/write-channel.ts'
import type { CallOptions } from './mtproto/connection/request-channel.ts'
import type { Reading } from './mtproto/files/history.ts'
import { actorFor, mtprotoRoad } from './roads.ts'

export interface ChannelGatewayOptions {
  channels: Channels
  botRoad: Pick<BotApiRoad, 'edit' | 'remove' | 'post'>
  /** Runs work as an account that may be used by MTProto. */
  asAccount: <T>(
    road: Exclude<Road, 'bot-api'>,
    call: Pick<ChannelCall, 'credentials' | 'signal'>,
    work: (account: Account) => Promise<T>,
  ) => Promise<T>
  /** Ends with the caller or with the gateway; every failure becomes an AppError. */
  guarded: <T>(outer: AbortSignal, work: (signal: AbortSignal) => Promise<T>) => Promise<T>
  /** Called with each wait that the Bot API asks of a bot that posts. */
  onBotWait: (credentials: Credentials, seconds: number) => void
  /** Called with the messages that were edited or deleted, as soon as that is known. */
  onChanged: (credentials: Credentials, messageIds: readonly number[]) => void
}

/** What Telegram deletes in one request, by MTProto and by the Bot API. */
const REMOVED_AT_ONCE = 100

/** What says that one account may not do it, or does not see the channel: the other one may. */
const MAY_NOT = new Set([
  'NOT_EDITABLE',
  'NOT_DELETABLE',
  'TELEGRAM_FORBIDDEN',
  'TELEGRAM_CHANNEL_NOT_FOUND',
])

export function createChannelGateway(options: ChannelGatewayOptions): ChannelGateway {
  const { channels, botRoad, asAccount, guarded, onBotWait, onChanged } = options

  function reading<T>(
    road: Exclude<Road, 'bot-api'>,
    call: ChannelCall,
    work: (reading: Reading) => Promise<T>,
  ): Promise<T> {
    const { credentials, signal, patience, onWait } = call
    const callOptions: CallOptions = {
      signal,
      onWait,
      ...(patience !== undefined && { floodMs: patience * 1000 }),
    }
    return asAccount(road, call, (account) =>
      channels.use(account, credentials.channelId, callOptions, (channel) =>
        work({ account, channel, options: callOptions }),
      ),
    )
  }

  function read<T>(outer: ChannelCall, work: (reading: Reading) => Promise<T>): Promise<T> {
    const road = mtprotoRoad(outer.credentials)
    if (road === null) return Promise.reject(cannotSee())
    return guarded(outer.signal, (signal) => reading(road, { ...outer, signal }, work))
  }

  /** The ids of a hundred messages at most that an account may not delete. */
  async function removeBy(
    road: Road,
    call: ChannelCall,
    ids: readonly number[],
  ): Promise<readonly number[]> {
    try {
      if (road === 'bot-api') await botRoad.remove(call, ids)
      else await reading(road, call, (at) => deleteMessages(at, ids))
      return []
    } catch (error) {
      const { code } = toAppError(error)
      if (!MAY_NOT.has(code)) throw error
      if (road === 'bot-api' || code !== 'NOT_DELETABLE') return ids
    }
    // An account without the right to delete what others have posted may delete its own.
    const { own, others } = await reading(road, call, (at) => sortByPoster(at, ids))
    if (own.length === 0 || others.length === 0) return [...own, ...others]
    return [...(await removeBy(road, call, own)), ...others]
  }

  return {
    reader: (credentials) => {
      const road = mtprotoRoad(credentials)
      return road && actorFor(road)
    },
    position: (call) => read(call, readPosition),
    page: (call, before) => read(call, (at) => readPage(at, before)),
    messages: (call, ids) => read(call, (at) => readMessages(at, ids)),
    difference: async (call, pts) => {
      const difference = await read(call, (at) => readDifference(at, pts))
      if (difference.kind === 'changes') {
        const seenIds = difference.messages.map(({ messageId }) => messageId)
        onChanged(call.credentials, [...difference.deletedIds, ...seenIds])
      }
      return difference
    },
    edit: (outer, edit) =>
      guarded(outer.signal, async (signal) => {
        const call = { ...outer, signal }
        const edited = await firstThatMay(writers(call.credentials, edit.postedBy), (road) =>
          road === 'bot-api'
            ? botRoad.edit(call, edit)
            : reading(road, call, (at) => editMessage(at, edit)),
        )
        onChanged(call.credentials, [edit.messageId])
        return edited
      }),
    remove: (outer, ids, postedBy) =>
      guarded(outer.signal, async (signal) => {
        const call = { ...outer, signal }
        const roads = writers(call.credentials, postedBy)
        if (roads.length === 0) throw notConnected()
        const refusedIds: number[] = []
        for (let at = 0; at < ids.length; at += REMOVED_AT_ONCE) {
          const together = ids.slice(at, at + REMOVED_AT_ONCE)
          let left: readonly number[] = together
          try {
            for (const road of roads) {
              if (left.length > 0) left = await removeBy(road, call, left)
            }
          } finally {
            // An answer that is lost may have deleted them.
            onChanged(call.credentials, together)
          }
          refusedIds.push(...left)
        }
        return { refusedIds }
      }),
    post: (outer, post) =>
      guarded(outer.signal, (signal) => {
        const call = { ...outer, signal }
        return firstThatMay(writers(call.credentials, null), (road) => {
          if (road !== 'bot-api') return reading(road, call, (at) => postMessage(at, post))
          const onWait = (seconds: number): void => {
            onBotWait(call.credentials, seconds)
            call.onWait?.(seconds)
          }
          return botRoad.post({ ...call, onWait }, post)
        })
      }),
  }
}

/** Tries the roads in their order, until one of them may. */
export async function firstThatMay<T>(
  roads: readonly Road[],
  run: (road: Road) => Promise<T>,
): Promise<T> {
  let refusal = notConnected()
  for (const road of roads) {
    try {
      return await run(road)
    } catch (error) {
      const failure = toAppError(error)
      if (!MAY_NOT.has(failure.code)) throw error
      // What is missing says more than that a channel cannot be seen.
      if (refusal.code !== 'NOT_EDITABLE') refusal = failure
    }
  }
  throw refusal
}

/** The ways by which a user's accounts may write, the one that has posted first. */
export function writers(credentials: Credentials, postedBy: Actor | null): Road[] {
  const { session, botToken, apiId, apiHash } = credentials
  const roads: Road[] = []
  if (session !== null && apiId !== null) roads.push('mtproto-user')
  if (botToken !== null) roads.push(apiId !== null && apiHash !== null ? 'mtproto-bot' : 'bot-api')
  return postedBy === 'bot' ? roads.reverse() : roads
}

function notConnected(): AppError {
  return new AppError('TELEGRAM_NOT_CONNECTED', 'Connect Telegram in settings')
}
