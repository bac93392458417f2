import { expect, test } from 'vitest'
import { moveSpans } from '../../../src/telegram/mtproto/channel/formatting.ts'

/** Brackets stand for a span. */
test.each([
  ['before the edit', '[our] trip, old', 'our trip, new', '[our] trip, new'],
  ['behind it, which is longer', 'old, our [trip]', 'newer, our trip', 'newer, our [trip]'],
  ['behind it, which is shorter', 'older, our [trip]', 'new, our trip', 'new, our [trip]'],
  ['around it', '[our old trip] x', 'our newest trip x', '[our newest trip] x'],
  ['around all of the text', '[old]', 'newest', '[newest]'],
  ['up to it', '[our] old', 'our new', '[our] new'],
  ['next to an insertion', '[our]trip', 'our trip', '[our] trip'],
  ['behind what was taken out', 'our [trip]', 'trip', '[trip]'],
  ['that is taken out', 'our [old] trip', 'our  trip', 'our  trip'],
  ['that loses its end', 'our [trip old] x', 'our trip new x', 'our [trip new] x'],
  ['that loses a part, with text behind it', '[our o]ld trip', 'our new trip', 'our new trip'],
  ['in a text that stays', 'our [trip]', 'our trip', 'our [trip]'],
  ['with characters of two units', '👍 [trip] old', '👍 trip 👍', '👍 [trip] 👍'],
])('a span %s', (_, marked, after, expected) => {
  const offset = marked.indexOf('[')
  const span = { offset, length: marked.indexOf(']') - offset - 1 }
  const before = marked.replace(/[[\]]/g, '')

  const [moved] = moveSpans({ before, after }, [span])

  const shown = moved
    ? `${after.slice(0, moved.offset)}[${after.slice(moved.offset, moved.offset + moved.length)}]${after.slice(moved.offset + moved.length)}`
    : after
  expect(shown).toBe(expected)
})
