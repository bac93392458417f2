import { isService } from '../../posts/posts.ts'
import type { Channel } from '../../store/channels.ts'
import type { Message } from '../../store/messages.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { numberOf } from '../request/parameters.ts'

/** The words for a method in the Bot API's refusals. */
export interface Doing {
  /** As in `message to edit not found`. */
  verb: string
  /** As in `message can't be edited`. */
  participle: string
}

/** The message that `message_id` names; throws when there is none, or a service message. */
export function findMessage(
  { telegram, parameters }: BotCall,
  channel: Channel,
  { verb, participle }: Doing,
): Message {
  const id = numberOf(parameters, 'message_id')
  if (id === 0) throw badBotRequest('message identifier is not specified')
  const message = telegram.store.messages.find(channel.id, id)
  if (!message) throw badBotRequest(`message to ${verb} not found`)
  if (isService(message)) throw badBotRequest(`message can't be ${participle}`)
  return message
}
