import type { Message } from '../../store/messages.ts'
import type { TlObject } from '../../types.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotCall } from '../call.ts'
import { fromBotEntities } from '../objects/message-entities.ts'
import { jsonOf, messageEntities, textOf } from '../request/parameters.ts'

const TEXT_LENGTH_MAX = 4096
const CAPTION_LENGTH_MAX = 1024

export interface BotText {
  text: Message['text']
  entities: TlObject[] | undefined
}

/** Reads `caption` and `caption_entities`. */
export function readCaption(call: BotCall): BotText {
  const { parameters } = call
  const caption = textOf(parameters, 'caption')
  if (caption.length > CAPTION_LENGTH_MAX) throw badBotRequest('message caption is too long')
  return { text: caption, entities: readEntities(call, 'caption_entities', caption) }
}

/** Reads `text` and `entities`. */
export function readMessageText(call: BotCall): BotText {
  const text = textOf(call.parameters, 'text')
  if (text.trim() === '') throw badBotRequest('message text is empty')
  if (text.length > TEXT_LENGTH_MAX) throw badBotRequest('message is too long')
  return { text, entities: readEntities(call, 'entities', text) }
}

/** Markup is not parsed here: only entities are taken. */
function readEntities({ parameters }: BotCall, name: string, text: string): TlObject[] | undefined {
  if (textOf(parameters, 'parse_mode') !== '') throw badBotRequest('unsupported parse_mode')
  const entities = jsonOf(parameters, { name, shape: messageEntities, what: 'entities' })
  return entities ? fromBotEntities(entities, text) : undefined
}
