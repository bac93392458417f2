import { badRequest } from '../../rpc-error.ts'
import type { DocumentKind } from '../../store/documents.ts'
import { flag, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'

/** The attributes of an uploaded document, read. */
export interface ReadAttributes {
  /** Null when no attribute gives a name. */
  fileName: string | null
  kind: DocumentKind
  /** The other attributes, in their order. */
  attributes: TlObject[]
}

/** Reads documentAttribute* (https://core.telegram.org/type/DocumentAttribute). */
export function readAttributes(given: readonly TlObject[], mimeType: string): ReadAttributes {
  const named = given.find(({ _ }) => _ === 'documentAttributeFilename')
  const attributes = given.filter(({ _ }) => _ !== 'documentAttributeFilename')
  const video = attributes.find(({ _ }) => _ === 'documentAttributeVideo')
  // https://core.telegram.org/method/messages.sendMedia: only a video can be streamed.
  if (video && flag(video, 'supports_streaming') && !mimeType.startsWith('video/'))
    throw badRequest('VIDEO_CONTENT_TYPE_INVALID')
  return { fileName: named ? text(named, 'file_name') : null, kind: kindOf(attributes), attributes }
}

/** The most specific attribute decides: a sticker may be a video as well, a video may be animated. */
function kindOf(attributes: readonly TlObject[]): DocumentKind {
  const find = (name: string): TlObject | undefined =>
    attributes.find(({ _ }) => _ === `documentAttribute${name}`)
  const [video, audio] = [find('Video'), find('Audio')]
  if (find('Sticker') || find('CustomEmoji')) return 'sticker'
  if (find('Animated')) return 'animation'
  if (video) return flag(video, 'round_message') ? 'round' : 'video'
  if (audio) return flag(audio, 'voice') ? 'voice' : 'audio'
  return 'document'
}
