import type { Telegram } from '../context.ts'
import { nowSeconds } from '../lib/clock.ts'
import type { Change } from '../store/changes.ts'
import type { Message, WrittenMessage } from '../store/messages.ts'
import { toTlJson } from '../store/tl-json.ts'

/** A message that is about to be published. */
export interface Draft extends Omit<Message, 'id' | 'date'> {
  /** Null for posts of the Bot API, which has no random ids. */
  randomId: string | null
}

export function publish(
  { store, counters }: Telegram,
  { randomId, ...draft }: Draft,
): WrittenMessage {
  const written = store.messages.append({ ...draft, date: nowSeconds() }, randomId)
  counters.add('messagesPosted')
  return written
}

/** Publishes all messages or none. */
export const publishAll = (telegram: Telegram, drafts: readonly Draft[]): WrittenMessage[] =>
  telegram.store.transaction(() => drafts.map((draft) => publish(telegram, draft)))

/** The part of a message that can be edited. */
export type Content = Pick<Message, 'text' | 'documentId'> & {
  details: Pick<Message['details'], 'entities' | 'spoiler' | 'videoTimestamp' | 'invertMedia'>
}

/** Returns null when the new content is the present one. */
export function edit(
  telegram: Telegram,
  message: Message,
  { text, documentId, details }: Content,
): WrittenMessage | null {
  const edited = { ...message, text, documentId, details: { ...message.details, ...details } }
  if (toTlJson(contentOf(edited)) === toTlJson(contentOf(message))) return null
  const dated = { ...edited, details: { ...edited.details, editDate: nowSeconds() } }
  return telegram.store.messages.edit(dated)
}

/** Written so that an option that was never set equals one that is off. */
const contentOf = ({ text, documentId, details }: Message): unknown => [
  text,
  documentId,
  details.entities ?? [],
  details.spoiler === true,
  details.videoTimestamp ?? 0,
  details.invertMedia === true,
]

/** Returns null when there were no such messages. */
export const remove = (
  telegram: Telegram,
  channelId: number,
  ids: readonly number[],
): Change | null => telegram.store.messages.delete(channelId, ids)

/** The first message of a channel is the service message about its creation. */
export const isService = ({ id }: Pick<Message, 'id'>): boolean => id === 1
