import type { Api } from '../connection/gramjs.ts'

/** What Telegram finds in a text by itself, and what names people, who would have to be looked up. */
const NOT_SENT = new Set([
  'MessageEntityUnknown',
  'MessageEntityMention',
  'MessageEntityMentionName',
  'MessageEntityHashtag',
  'MessageEntityBotCommand',
  'MessageEntityUrl',
  'MessageEntityEmail',
  'MessageEntityPhone',
  'MessageEntityCashtag',
  'MessageEntityBankCard',
])

/** The formats that a person has given a text, as they stand in the text that takes its place. */
export function keepFormats(
  { message: before, entities }: Api.Message,
  after: string,
): Api.TypeMessageEntity[] {
  const sent = (entities ?? []).filter(({ className }) => !NOT_SENT.has(className))
  return moveSpans({ before, after }, sent)
}

/** A part of a text, in UTF-16 units. */
export interface Span {
  offset: number
  length: number
}

/**
 * Moves spans to where their text stands after an edit in one place. A span that holds the whole
 * edit grows or shrinks with it; one that loses a part of its text is left out.
 */
export function moveSpans<S extends Span>(
  { before, after }: { before: string; after: string },
  spans: readonly S[],
): S[] {
  const shorter = Math.min(before.length, after.length)
  let head = 0
  while (head < shorter && before[head] === after[head]) head++
  let tail = 0
  while (tail < shorter - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  const grown = after.length - before.length
  return spans.flatMap((span) => {
    const { offset, length } = span
    const end = offset + length
    if (end <= head) return span
    if (offset >= before.length - tail) return Object.assign(span, { offset: offset + grown })
    const holdsEdit = offset <= head && end >= before.length - tail
    return holdsEdit && length + grown > 0 ? Object.assign(span, { length: length + grown }) : []
  })
}
