import { createRegrouping, forwardedContent } from '../../posts/forward.ts'
import { isService, publishAll } from '../../posts/posts.ts'
import { badRequest } from '../../rpc-error.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { child, flag, ints, longs } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call } from '../method.ts'
import { resolveChannel, resolveWritable } from '../peers.ts'
import type { SendOnce } from './random-ids.ts'
import { readSendOptions } from './send-options.ts'

/** `forwarded_count_max` of help.getConfig. */
const FORWARDED_COUNT_MAX = 100

/** A message to forward, with the random id that was given for it. */
interface Forwarded {
  message: Message
  randomId: string
}

/**
 * https://core.telegram.org/method/messages.forwardMessages. Messages that do not exist, or are
 * service messages, are left out; when none is left, the call is refused.
 */
export function forwardMessages(call: Call, sendOnce: SendOnce): Promise<TlObject> {
  const { method } = call
  const source = resolveChannel(call, child(method, 'from_peer'))
  const target = resolveWritable(call, child(method, 'to_peer'))
  const [ids, randomIds] = [ints(method, 'id'), longs(method, 'random_id').map(String)]
  if (ids.length === 0) throw badRequest('MESSAGE_IDS_EMPTY')
  if (ids.length > FORWARDED_COUNT_MAX) throw badRequest('MSG_IDS_INVALID')
  if (ids.length !== randomIds.length) throw badRequest('RANDOM_ID_INVALID')
  const forwarded = findMessages(call, source, ids, randomIds)
  const sending = { channel: target, randomIds: forwarded.map(({ randomId }) => randomId) }
  return sendOnce(call, sending, async () => forward(call, target, forwarded))
}

function findMessages(
  { telegram }: Call,
  source: Channel,
  ids: readonly number[],
  randomIds: readonly string[],
): Forwarded[] {
  const found = ids.flatMap((id, index) => {
    const message = telegram.store.messages.find(source.id, id)
    const randomId = randomIds[index] ?? ''
    return message && !isService(message) ? [{ message, randomId }] : []
  })
  if (found.length === 0) throw badRequest('MESSAGE_ID_INVALID')
  if (found.some(({ message }) => message.details.noforwards))
    throw badRequest('CHAT_FORWARDS_RESTRICTED')
  return found
}

function forward(call: Call, target: Channel, forwarded: readonly Forwarded[]) {
  const { telegram, account, method } = call
  const { silent, noforwards } = readSendOptions(call, target)
  // "Whether to strip captions from media": a forward that names its author keeps them.
  const dropAuthor = flag(method, 'drop_author') || flag(method, 'drop_media_captions')
  const dropCaption = flag(method, 'drop_media_captions')
  const regroup = createRegrouping()
  const drafts = forwarded.map(({ message, randomId }) => {
    const { details, ...content } = forwardedContent(message, { dropAuthor, dropCaption })
    const groupedId = regroup(message.details.groupedId)
    return {
      ...content,
      channelId: target.id,
      fromId: account.id,
      details: { ...details, silent, noforwards, groupedId },
      randomId,
    }
  })
  return publishAll(telegram, drafts, call.session)
}
