import { badRequest } from '../../rpc-error.ts'
import { children, int, isTlObject, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call } from '../method.ts'
import { resolveUser } from '../users.ts'

/** `message_length_max` and `caption_length_max` of help.getConfig, in UTF-16 units. */
export const MESSAGE_LENGTH_MAX = 4096
export const CAPTION_LENGTH_MAX = 1024

export interface ReadText {
  text: string
  entities: TlObject[] | undefined
}

/** Reads `message` and `entities` of a method or of one medium of an album. */
export function readText(call: Call, holder: TlObject, kind: 'message' | 'caption'): ReadText {
  const content = text(holder, 'message')
  if (kind === 'caption' && content.length > CAPTION_LENGTH_MAX)
    throw badRequest('MEDIA_CAPTION_TOO_LONG')
  if (kind === 'message' && content.trim() === '') throw badRequest('MESSAGE_EMPTY')
  if (kind === 'message' && content.length > MESSAGE_LENGTH_MAX)
    throw badRequest('MESSAGE_TOO_LONG')
  return { text: content, entities: readEntities(call, holder, content.length) }
}

/** Styles of a text; each must lie inside it (https://core.telegram.org/api/entities). */
function readEntities(call: Call, holder: TlObject, length: number): TlObject[] | undefined {
  if (!Array.isArray(holder.entities)) return undefined
  return children(holder, 'entities').map((entity) => {
    const [start, size] = [int(entity, 'offset'), int(entity, 'length')]
    if (start < 0 || size < 1 || start + size > length) throw badRequest('ENTITY_BOUNDS_INVALID')
    return entity._ === 'inputMessageEntityMentionName' ? toMention(call, entity) : entity
  })
}

function toMention(call: Call, entity: TlObject): TlObject {
  const { user_id: input, ...rest } = entity
  if (!isTlObject(input)) throw badRequest('ENTITY_MENTION_USER_INVALID')
  const user = resolveUser(call, input)
  if (!user) throw badRequest('ENTITY_MENTION_USER_INVALID')
  return { ...rest, _: 'messageEntityMentionName', user_id: BigInt(user.id) }
}
