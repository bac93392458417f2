import type { TlObject } from '../types.ts'
import { badBotRequest } from './bot-api-error.ts'
import type { BotEntity } from './request/parameters.ts'

/** Styles that need no more than their place (https://core.telegram.org/bots/api#messageentity). */
const NAMES: Record<string, string> = {
  mention: 'messageEntityMention',
  hashtag: 'messageEntityHashtag',
  cashtag: 'messageEntityCashtag',
  bot_command: 'messageEntityBotCommand',
  url: 'messageEntityUrl',
  email: 'messageEntityEmail',
  phone_number: 'messageEntityPhone',
  bold: 'messageEntityBold',
  italic: 'messageEntityItalic',
  underline: 'messageEntityUnderline',
  strikethrough: 'messageEntityStrike',
  spoiler: 'messageEntitySpoiler',
  blockquote: 'messageEntityBlockquote',
  code: 'messageEntityCode',
  pre: 'messageEntityPre',
  text_link: 'messageEntityTextUrl',
}

/** What MTProto calls the styles of a bot's caption. */
export function fromBotEntities(entities: readonly BotEntity[], caption: string): TlObject[] {
  return entities.map(({ type, offset, length, url, language }) => {
    const name = NAMES[type]
    if (!name) throw badBotRequest("can't parse MessageEntity: unsupported type specified")
    if (offset < 0 || length < 1 || offset + length > caption.length)
      throw badBotRequest('ENTITY_BOUNDS_INVALID')
    return {
      _: name,
      offset,
      length,
      ...(type === 'text_link' ? { url: String(url ?? '') } : {}),
      ...(type === 'pre' ? { language: String(language ?? '') } : {}),
    }
  })
}

const TYPES = new Map(Object.entries(NAMES).map(([type, name]) => [name, type]))

/** The same back; what the Bot API has no word for is left out. */
export function toBotEntities(entities: readonly TlObject[]): BotEntity[] {
  return entities.flatMap(({ _, offset, length, url, language }) => {
    const type = TYPES.get(_)
    if (!type) return []
    const place = { type, offset: Number(offset), length: Number(length) }
    return [{ ...place, ...(url ? { url } : {}), ...(language ? { language } : {}) }]
  })
}
