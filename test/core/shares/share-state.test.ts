import { expect, test } from 'vitest'
import { shareEndOf, shareStateOf } from '../../../src/core/model/share-state.ts'

const NOW = 1_000_000
const OPEN = {
  expiresAt: NOW + 1,
  endedAt: null,
  login: { endsAt: null },
  maxDownloads: null,
  downloads: 7,
}

test.each([
  ['open', {}],
  ['open', { maxDownloads: 8 }],
  ['open', { login: { endsAt: NOW + 1 } }],
  ['used-up', { maxDownloads: 7 }],
  ['expired', { expiresAt: NOW, maxDownloads: 7 }],
  ['signed-out', { login: null, maxDownloads: 7 }],
  ['signed-out', { login: { endsAt: NOW } }],
  ['ended', { endedAt: NOW - 1, expiresAt: NOW, login: null }],
] as const)('it is %s with %j', (state, change) => {
  expect(shareStateOf({ ...OPEN, ...change }, NOW)).toBe(state)
})

test.each([
  [NOW + 1, null],
  [NOW + 1, { endsAt: null }],
  [NOW + 1, { endsAt: NOW + 5 }],
  [NOW - 5, { endsAt: NOW - 5 }],
])('it ends at %i with the login %j', (end, login) => {
  expect(shareEndOf({ expiresAt: NOW + 1, login })).toBe(end)
})
