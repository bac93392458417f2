import type { Message } from '../store/messages.ts'
import type { TlObject } from '../types.ts'
import { newGroupedId } from './albums.ts'
import type { Content } from './posts.ts'

export interface ForwardOptions {
  /** Copies the message: the new one does not name its origin. */
  dropAuthor: boolean
  dropCaption: boolean
}

/** The content of a message as its forward or copy has it. */
export function forwardedContent(
  message: Message,
  { dropAuthor, dropCaption }: ForwardOptions,
): Content & { details: Message['details'] } {
  const { documentId, details } = message
  // Text is no caption.
  const isDropped = dropCaption && documentId !== null
  return {
    text: isDropped ? '' : message.text,
    documentId,
    details: {
      spoiler: details.spoiler,
      videoTimestamp: details.videoTimestamp,
      invertMedia: details.invertMedia,
      entities: isDropped ? undefined : details.entities,
      forward: dropAuthor ? undefined : originOf(message),
    },
  }
}

/** A forward of a forward names the first origin. */
function originOf({ channelId, id, date, details }: Message): TlObject {
  return (
    details.forward ?? {
      _: 'messageFwdHeader',
      from_id: { _: 'peerChannel', channel_id: BigInt(channelId) },
      date,
      channel_post: id,
    }
  )
}

/** Albums that are forwarded become albums of their own: one new id for each old one. */
export function createRegrouping(): (groupedId: bigint | undefined) => bigint | undefined {
  const groups = new Map<bigint, bigint>()
  return (groupedId) => {
    if (groupedId === undefined) return undefined
    const regrouped = groups.get(groupedId) ?? newGroupedId()
    groups.set(groupedId, regrouped)
    return regrouped
  }
}
