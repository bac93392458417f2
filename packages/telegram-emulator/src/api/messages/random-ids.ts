import { badRequest, floodWait, RpcError } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { WrittenMessage } from '../../store/messages.ts'
import type { TlObject } from '../../types.ts'
import type { Call } from '../method.ts'
import { sentUpdates } from './answers.ts'

/** The channel that messages are for, and their random ids. */
export interface Sending {
  channel: Channel
  randomIds: readonly string[]
}

/** Runs `send` unless one of the random ids was used before; answers with the updates. */
export type SendOnce = (
  call: Call,
  sending: Sending,
  send: () => Promise<WrittenMessage[]>,
) => Promise<TlObject>

/** Each random_id of an account makes one message at most, also while that message is being made. */
export function createSendOnce(): SendOnce {
  const inWork = new Set<string>()

  return async (call, { channel, randomIds }, send) => {
    const { account, telegram } = call
    if (randomIds.includes('0')) throw badRequest('RANDOM_ID_EMPTY')
    if (new Set(randomIds).size < randomIds.length) throw duplicate()
    const keys = randomIds.map((randomId) => `${account.id}_${randomId}`)
    const isUsed = randomIds.some((randomId) =>
      telegram.store.messages.isRandomIdUsed(account.id, randomId),
    )
    if (isUsed || keys.some((key) => inWork.has(key))) return repeated(call, randomIds)
    const wait = telegram.limits.posts({
      accountId: account.id,
      channelId: channel.id,
      count: randomIds.length,
    })
    if (wait > 0) throw floodWait(wait)
    for (const key of keys) inWork.add(key)
    try {
      return sentUpdates(call, await send(), randomIds)
    } finally {
      for (const key of keys) inWork.delete(key)
    }
  }
}

const duplicate = (): RpcError => new RpcError(500, 'RANDOM_ID_DUPLICATE')

/**
 * Telegram has two answers to a random_id that it knows: an error, or the updates of the first
 * time. The setting `repeatedRandomId` chooses.
 */
function repeated(call: Call, randomIds: readonly string[]): TlObject {
  const { counters, settings, store } = call.telegram
  counters.add('repeatedRandomIds')
  const messages = randomIds.flatMap(
    (randomId) => store.messages.findByRandomId(call.account.id, randomId) ?? [],
  )
  if (settings.repeatedRandomId === 'error' || messages.length < randomIds.length) throw duplicate()
  const written = messages.map((message): WrittenMessage => {
    const { id, channelId } = message
    const pts = store.channels.find(channelId)?.pts ?? 0
    return { message, change: { channelId, kind: 'new', messageIds: [id], pts, ptsCount: 1 } }
  })
  return sentUpdates(call, written, randomIds)
}
