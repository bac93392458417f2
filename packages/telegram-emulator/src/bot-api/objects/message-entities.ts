import type { TlObject } from '../../types.ts'
import { badBotRequest } from '../bot-api-error.ts'
import type { BotEntity } from '../request/parameters.ts'

/** Entities that need no more than offset and length (https://core.telegram.org/bots/api#messageentity). */
const NAMES = new Map(
  Object.entries({
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
  }),
)

/** Turns the Bot API's entities into MTProto's. */
export function fromBotEntities(entities: readonly BotEntity[], caption: string): TlObject[] {
  return entities.map(({ type, offset, length, url, language }) => {
    const name = NAMES.get(type)
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

const TYPES = new Map([...NAMES].map(([type, name]) => [name, type]))

/** Turns MTProto's entities into the Bot API's; types that the Bot API does not have are left out. */
export function toBotEntities(entities: readonly TlObject[]): BotEntity[] {
  return entities.flatMap(({ _, offset, length, url, language }) => {
    const type = TYPES.get(_)
    if (!type) return []
    const place = { type, offset: Number(offset), length: Number(length) }
    return [{ ...place, ...(url ? { url } : {}), ...(language ? { language } : {}) }]
  })
}
