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

/** `by`, here and below: the session whose call it is; null for the Bot API. */
export function publish(telegram: Telegram, draft: Draft, by: string | null): WrittenMessage {
  const written = append(telegram, draft)
  announce(telegram, [written], by)
  return written
}

/** Publishes all messages or none. */
export function publishAll(
  telegram: Telegram,
  drafts: readonly Draft[],
  by: string | null,
): WrittenMessage[] {
  const written = telegram.store.transaction(() => drafts.map((draft) => append(telegram, draft)))
  announce(telegram, written, by)
  return written
}

const append = ({ store }: Telegram, { randomId, ...draft }: Draft): WrittenMessage =>
  store.messages.append({ ...draft, date: nowSeconds() }, randomId)

/** Called after the transaction, so that a change that was rolled back is not announced. */
function announce(
  { counters, feed }: Telegram,
  written: readonly WrittenMessage[],
  by: string | null,
): void {
  counters.add('messagesPosted', written.length)
  for (const { change } of written) feed.emit(change, by)
}

/** The part of a message that can be edited. */
export type Content = Pick<Message, 'text' | 'documentId'> & {
  details: Pick<Message['details'], 'entities' | 'spoiler' | 'videoTimestamp' | 'invertMedia'>
}

/** Returns null when the new content is the present one. */
export function edit(
  telegram: Telegram,
  message: Message,
  { text, documentId, details }: Content,
  by: string | null,
): WrittenMessage | null {
  const edited = { ...message, text, documentId, details: { ...message.details, ...details } }
  if (toTlJson(contentOf(edited)) === toTlJson(contentOf(message))) return null
  const dated = { ...edited, details: { ...edited.details, editDate: nowSeconds() } }
  const written = telegram.store.messages.edit(dated)
  telegram.feed.emit(written.change, by)
  return written
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
export function remove(
  { store, feed }: Telegram,
  { channelId, ids }: { channelId: number; ids: readonly number[] },
  by: string | null,
): Change | null {
  const change = store.messages.delete(channelId, ids)
  if (change) feed.emit(change, by)
  return change
}

/** The first message of a channel is the service message about its creation. */
export const isService = ({ id }: Pick<Message, 'id'>): boolean => id === 1
