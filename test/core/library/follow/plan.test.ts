import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  afterDifference,
  afterPage,
  afterPosition,
  forgetPosition,
  inSlices,
  isProgress,
  nextStep,
} from '../../../../src/core/library/follow/plan.ts'
import { encodeCaption } from '../../../../src/core/model/caption.ts'
import type { LibraryScan, LibrarySync } from '../../../../src/core/ports/catalogue.ts'
import type {
  ChannelDifference,
  ChannelMessage,
  ChannelPage,
} from '../../../../src/core/ports/channel.ts'

const NOW = 1_764_390_415_000
const FOLDER = 'a'.repeat(32)
const nothing: LibrarySync = { pts: null, scan: null, lookedAt: null }
const scan: LibraryScan = { pts: 7, below: 500, seen: 20, total: null }
const current: LibrarySync = { pts: 9, scan: null, lookedAt: NOW - 1000 }

test.each([
  ['a library that was never read', null, { kind: 'position' }],
  ['one without a position', nothing, { kind: 'position' }],
  ['one that is being read', { ...nothing, scan }, { kind: 'page', before: 500 }],
  ['one that is being read anew', { ...current, scan }, { kind: 'page', before: 500 }],
  ['one that was read', current, { kind: 'difference', pts: 9 }],
] as const)('%s is asked for the right thing', (_, sync, step) => {
  expect(nextStep(sync)).toEqual(step)
})

test.each([
  ['a library that was never read', null, nothing],
  ['one that is current', current, { pts: null, scan: null, lookedAt: NOW - 1000 }],
  ['one that is being read', { ...nothing, scan }, nothing],
])('a rescan of %s begins at the beginning', (_, before, after) => {
  expect(forgetPosition(before)).toEqual(after)
  expect(nextStep(after)).toEqual({ kind: 'position' })
})

test.each([
  ['an older page', { kind: 'page', before: 5 }, { kind: 'page', before: 4 }, true],
  ['the same page', { kind: 'page', before: 5 }, { kind: 'page', before: 5 }, false],
  ['later changes', { kind: 'difference', pts: 5 }, { kind: 'difference', pts: 6 }, true],
  ['the same changes', { kind: 'difference', pts: 5 }, { kind: 'difference', pts: 5 }, false],
  [
    'the changes behind the last page',
    { kind: 'page', before: 5 },
    { kind: 'difference', pts: 1 },
    true,
  ],
  ['a rescan', { kind: 'difference', pts: 5 }, { kind: 'position' }, true],
] as const)('%s after a step is progress, or it is not', (_, from, to, expected) => {
  expect(isProgress(from, to)).toBe(expected)
})

test('the position is noted before anything is read', () => {
  expect(afterPosition(null, { pts: 7, before: 900 })).toEqual({
    sync: { ...nothing, scan: { pts: 7, below: 900, seen: 0, total: null } },
  })
})

describe('a page', () => {
  test.each<[string, Partial<ChannelPage>, number, object]>([
    [
      'is all there is from its lowest id up to what it was asked for',
      { messages: [file(450), text(440)], lowestId: 440 },
      480,
      { complete: { from: 440, to: 480 }, files: [{ messageId: 450 }], folders: [] },
    ],
    [
      'says nothing of messages that may be newer than itself',
      { messages: [file(450), file(440)], lowestId: 440 },
      0,
      { complete: { from: 440, to: 450 } },
    ],
    [
      'says nothing of what was not asked for',
      { messages: [file(450)], lowestId: 450 },
      1000,
      { complete: { from: 450, to: 499 } },
    ],
    [
      'with nothing in it makes all rows there go',
      { lowestId: 400 },
      9000,
      {
        complete: { from: 400, to: 499 },
        files: [],
      },
    ],
    ['above all rows makes none go', { lowestId: 400 }, 399, { files: [] }],
    [
      'moves the position, and counts',
      { messages: [file(450), folder(440)], lowestId: 440, total: 99 },
      0,
      { sync: { ...nothing, scan: { pts: 7, below: 440, seen: 22, total: 99 } } },
    ],
    [
      'that is the last one ends the rescan at the pts that was noted',
      { messages: [file(1)], lowestId: 1 },
      0,
      { sync: { ...nothing, pts: 7, scan: null } },
    ],
  ])('%s', (_, change, newestRow, expected) => {
    const page = { messages: [], lowestId: 1, total: null, ...change }

    const changes = afterPage({ ...nothing, scan }, { page, newestRow })

    expect(changes).toMatchObject(expected)
    expect('complete' in changes).toBe(page.lowestId <= Math.max(newestRow, ...idsIn(page)))
  })
})

describe('a difference', () => {
  const changes: Extract<ChannelDifference, { kind: 'changes' }> = {
    ...{ kind: 'changes', pts: 20, final: true, messages: [], deletedIds: [], timeout: null },
  }

  test.each<[string, Partial<typeof changes>, object]>([
    ['that is empty is a look all the same', { pts: 9 }, { sync: { ...current, lookedAt: NOW } }],
    ['moves the position', {}, { sync: { ...current, pts: 20, lookedAt: NOW } }],
    [
      'of which there is more is no agreement yet',
      { final: false },
      { sync: { ...current, pts: 20 } },
    ],
    [
      'has files and folders, and what is neither any more goes with what was deleted',
      { messages: [file(3), folder(4), text(5)], deletedIds: [6, 7] },
      { files: [{ messageId: 3 }], folders: [{ messageId: 4 }], gone: [5, 6, 7] },
    ],
  ])('%s', (_, change, expected) => {
    expect(afterDifference(current, { ...changes, ...change }, NOW)).toMatchObject(expected)
  })

  test('that Telegram has forgotten makes no row go, and a rescan begin', () => {
    const { sync, ...rest } = afterDifference(current, { kind: 'too-long' }, NOW)

    expect(rest).toEqual({})
    expect(nextStep(sync ?? null)).toEqual({ kind: 'position' })
  })
})

describe('changes are written in slices', () => {
  test('of which the last one alone moves the position', () => {
    const messages = Array.from({ length: 5 }, (_, n) => file(10 + n))
    const difference = { kind: 'changes', pts: 20, final: true, timeout: null } as const
    const whole = afterDifference(current, { ...difference, messages, deletedIds: [1, 2, 3] }, NOW)

    const slices = inSlices(whole, 2)

    expect(slices.map(({ files = [], gone = [] }) => files.length + gone.length)).toEqual([
      ...[2, 2, 1, 2, 1],
      0,
    ])
    expect(slices.filter(({ sync }) => sync)).toEqual([{ sync: whole.sync }])
    expect(slices.at(-1)).toEqual({ sync: whole.sync })
  })

  test('but a page is written at once, because a part of it would make rows go', () => {
    const page = { messages: [file(3), file(2), file(1)], lowestId: 1, total: null }
    const whole = afterPage({ ...nothing, scan }, { page, newestRow: 9 })

    expect(inSlices(whole, 2)).toEqual([whole])
  })
})

/** Captions as people damage them: lines of ours, forged, cut and mixed with anything. */
const hex = fc.stringMatching(/^[0-9a-fA-F]{0,64}$/)
const field = fc.oneof(
  fc.tuple(fc.constantFrom('v', 'id', 'folder', 'sha256', 'crc32'), hex),
  fc.tuple(fc.constantFrom('v', 'kind', 'name', 'modified', 'size'), fc.string()),
  fc.tuple(fc.constant('v'), fc.constant('1')),
  fc.tuple(fc.constant('id'), fc.constant(FOLDER)),
  fc.tuple(
    fc.constant('kind'),
    fc.constantFrom('file', 'folder', 'manifest', 'volume-1-of-2', 'volume-9-of-1'),
  ),
  fc.tuple(fc.constant('name'), fc.constantFrom('%', 'a*b*c', '*', '%00', '..%2F..', '%ff')),
)
const line = fc
  .array(field)
  .map((fields) => ['#telestore', ...fields.map((pair) => pair.join('='))].join(' '))
const damaged = fc
  .array(fc.oneof(line, fc.string({ unit: 'binary' }), fc.constant('\n')))
  .map((parts) => parts.join(''))
const documents = fc.option(
  fc.record({
    id: fc.string(),
    size: fc.nat(),
    fileName: fc.option(fc.string({ unit: 'binary' })),
    mimeType: fc.option(fc.string()),
    thumbnail: fc.boolean(),
  }),
)

test('whatever a caption says, a document stays a file or a volume of its own size and message', () => {
  const messages = fc.array(fc.record({ text: damaged, document: documents }), { maxLength: 5 })
  fc.assert(
    fc.property(messages, (drafts) => {
      const posted = drafts.map((draft, index) => ({ ...message(index + 1), ...draft }))
      const page = { messages: posted, lowestId: 1, total: null }

      const rows = afterPage({ ...nothing, scan }, { page, newestRow: 0 })
      const { files = [], folders = [], volumes = [] } = rows

      const withDocument = posted.filter(({ document }) => document !== null)
      const held = [...files, ...volumes].sort((a, b) => a.messageId - b.messageId)
      expect(held.map(({ messageId, size }) => [messageId, size])).toEqual(
        withDocument.map(({ messageId, document }) => [messageId, document?.size]),
      )
      for (const { name, mimeType, isManifest = false } of files) {
        expect(name).toEqual(expect.any(String))
        expect(mimeType === null).toBe(isManifest)
      }
      const withoutDocument = posted.filter(({ document }) => document === null)
      for (const { messageId, folderId } of folders) {
        expect(withoutDocument.map((one) => one.messageId)).toContain(messageId)
        expect(folderId).toMatch(/^[0-9a-f]{32}$/)
      }
    }),
  )
})

function message(messageId: number): ChannelMessage {
  const times = { postedAt: NOW, editedAt: null }
  return { messageId, ...times, text: '', forwarded: false, postedBy: null, document: null }
}

function file(messageId: number): ChannelMessage {
  const document = { id: '1', size: 1, fileName: 'a', mimeType: null, thumbnail: false }
  return { ...message(messageId), document }
}

function text(messageId: number): ChannelMessage {
  return { ...message(messageId), text: 'hello' }
}

function folder(messageId: number): ChannelMessage {
  const known = { folderId: null, modifiedAt: null, sha256: null, crc32: null }
  const line = encodeCaption({ id: FOLDER, kind: 'folder', name: 'Photos', ...known })
  return { ...message(messageId), text: line }
}

function idsIn(page: ChannelPage): number[] {
  return page.messages.map(({ messageId }) => messageId)
}
