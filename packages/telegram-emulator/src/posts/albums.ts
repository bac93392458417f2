import { randomBytes } from 'node:crypto'
import type { Telegram } from '../context.ts'
import type { Document } from '../store/documents.ts'
import type { Message } from '../store/messages.ts'

/** https://core.telegram.org/api/files#albums-grouped-media */
export const ALBUM_LENGTH_MAX = 10

type Group = 'visual' | 'document' | 'audio'

/** Animations, voices, round videos and stickers are never part of an album. */
const GROUPS: Partial<Record<Document['kind'], Group>> = {
  video: 'visual',
  document: 'document',
  audio: 'audio',
}

const isGroupable = ({ kind }: Document): boolean => GROUPS[kind] !== undefined

/** Documents and audio files are grouped with their like only. */
export const areGroupable = (documents: readonly Document[]): boolean =>
  documents.every(isGroupable) && new Set(documents.map(({ kind }) => GROUPS[kind])).size <= 1

export const newGroupedId = (): bigint => BigInt.asUintN(62, randomBytes(8).readBigUInt64BE())

/** The other messages of a message's album. They were published together, so their ids are near. */
function albumOf({ store }: Telegram, { channelId, id, details }: Message): Message[] {
  if (details.groupedId === undefined) return []
  const near = store.messages.between(channelId, id - ALBUM_LENGTH_MAX, id + ALBUM_LENGTH_MAX)
  return near.filter((other) => other.id !== id && other.details.groupedId === details.groupedId)
}

/** Whether a message may be given this document: in an album it has to fit the others. */
export function mayHold(telegram: Telegram, message: Message, document: Document): boolean {
  if (message.details.groupedId === undefined) return true
  const others = albumOf(telegram, message).flatMap(
    ({ documentId }) => telegram.store.documents.find(documentId ?? '') ?? [],
  )
  return areGroupable([...others, document])
}
