import { describe, expect, test } from 'vitest'
import {
  arrangeFolders,
  countBelow,
  type FolderTree,
  MAX_DEPTH,
  shownAs,
} from '../../../../src/core/model/library/folder-tree.ts'
import type { FolderPost } from '../../../../src/core/ports/catalogue.ts'

/** A message that makes the folder `id`, edited at the time of its number where nothing else is said. */
function post(
  messageId: number,
  folderId: string,
  name: string,
  parentId: string | null = null,
  editedAt = messageId,
): FolderPost {
  return { messageId, folderId, name, parentId, editedAt }
}

interface Case {
  holds: string
  posts: FolderPost[]
  /** Path of each folder that is shown, by its id. */
  shown: Record<string, string>
  merged?: Record<string, string>
}

const CASES: Case[] = [
  { holds: 'no folder is a root alone', posts: [], shown: {} },
  {
    holds: 'folders lie in each other, whichever message is the older one',
    posts: [post(3, 'a', 'A'), post(2, 'b', 'B', 'a'), post(1, 'c', 'C', 'b')],
    shown: { a: '/A', b: '/A/B', c: '/A/B/C' },
  },
  {
    holds: 'of several messages with one id the lowest counts, even where another was edited later',
    posts: [post(5, 'a', 'copy', 'b', 99), post(2, 'a', 'first'), post(3, 'b', 'B')],
    shown: { a: '/first', b: '/B' },
  },
  {
    holds: 'a folder whose parent is unknown lies in the root',
    posts: [post(1, 'a', 'A', 'nowhere')],
    shown: { a: '/A' },
  },
  {
    holds: 'folders with one path are shown as one, and what is in them too',
    posts: [
      post(1, 'a', 'Photos'),
      post(2, 'b', 'Photos'),
      post(3, 'c', 'Summer', 'a'),
      post(4, 'd', 'Summer', 'b'),
      post(5, 'e', 'Beach', 'd'),
      post(6, 'f', 'Winter', 'b'),
    ],
    shown: {
      a: '/Photos',
      c: '/Photos/Summer',
      e: '/Photos/Summer/Beach',
      f: '/Photos/Winter',
    },
    merged: { b: 'a', d: 'c' },
  },
  {
    holds: 'NFC and NFD are one name, capitals are not',
    posts: [post(1, 'a', 'caf\u00e9'), post(2, 'b', 'cafe\u0301'), post(3, 'c', 'Caf\u00e9')],
    shown: { a: '/caf\u00e9', c: '/Caf\u00e9' },
    merged: { b: 'a' },
  },
  {
    holds: 'a folder in itself lies in the root',
    posts: [post(1, 'a', 'A', 'a')],
    shown: { a: '/A' },
  },
  {
    holds: 'a circle is cut at its newest edit',
    posts: [post(1, 'a', 'A', 'c', 10), post(2, 'b', 'B', 'a', 30), post(3, 'c', 'C', 'b', 20)],
    shown: { b: '/B', c: '/B/C', a: '/B/C/A' },
  },
  {
    holds: 'a circle of edits in one second is cut at the highest message',
    posts: [post(1, 'a', 'A', 'b', 10), post(2, 'b', 'B', 'a', 10)],
    shown: { b: '/B', a: '/B/A' },
  },
  {
    holds: 'what hangs on a circle keeps its place, and of two circles each is cut',
    posts: [
      post(1, 'a', 'A', 'b', 10),
      post(2, 'b', 'B', 'a', 20),
      post(3, 'tail', 'T', 'a'),
      post(4, 'x', 'X', 'y', 50),
      post(5, 'y', 'Y', 'x', 40),
    ],
    shown: { b: '/B', a: '/B/A', tail: '/B/A/T', x: '/X', y: '/X/Y' },
  },
  {
    holds: 'names that are no segment of a path get one, and merge by it',
    posts: [post(1, 'a', 'a/b'), post(2, 'b', 'a_b'), post(3, 'c', '..'), post(4, 'd', '')],
    shown: { a: '/a_b', c: '/__', d: '/_' },
    merged: { b: 'a' },
  },
]

describe.each(CASES)('$holds', ({ posts, shown, merged = {} }) => {
  test.each([
    ['in their order', posts],
    ['backwards', [...posts].reverse()],
  ])('(messages %s)', (_, given) => {
    const tree = arrangeFolders(given)

    expect(pathsOf(tree)).toEqual(shown)
    expect(Object.fromEntries(tree.merged)).toEqual(merged)
  })
})

test('a chain of 10,000 folders is cut before it is too deep, and nothing is lost', () => {
  const posts = Array.from({ length: 10_000 }, (_, n) => post(n + 1, `${n}`, `n${n}`, `${n - 1}`))

  const tree = arrangeFolders(posts)

  expect(tree.shown.size).toBe(10_000)
  const depths = Object.values(pathsOf(tree)).map((path) => path.split('/').length - 1)
  expect(Math.max(...depths)).toBe(MAX_DEPTH)
})

test('a path that would have too many bytes is cut', () => {
  const posts = Array.from({ length: 40 }, (_, n) =>
    post(n + 1, `${n}`, `${n}`.padEnd(255, 'é'), `${n - 1}`),
  )

  const paths = Object.values(pathsOf(arrangeFolders(posts)))

  expect(paths).toHaveLength(40)
  expect(Math.max(...paths.map((path) => Buffer.byteLength(path)))).toBeLessThanOrEqual(4096)
  expect(paths.filter((path) => path.lastIndexOf('/') === 0)).toHaveLength(3)
})

test('a long circle is cut once', () => {
  const posts = Array.from({ length: 90 }, (_, n) =>
    post(n + 1, `${n}`, `n${n}`, `${(n + 89) % 90}`),
  )

  const roots = [...arrangeFolders(posts).shown.values()].filter(({ parentId }) => !parentId)

  expect(roots.map(({ folderId }) => folderId)).toEqual(['89'])
})

test('what a folder holds is counted in all folders around it; of an unknown one in the root', () => {
  const tree = arrangeFolders([
    post(1, 'a', 'A'),
    post(2, 'b', 'B', 'a'),
    post(3, 'twin', 'A'),
    post(4, 'empty', 'E'),
  ])
  const own = new Map([
    [null, { files: 1, bytes: 10 }],
    ['a', { files: 2, bytes: 200 }],
    ['b', { files: 3, bytes: 3000 }],
    ['twin', { files: 4, bytes: 40_000 }],
    ['unknown', { files: 5, bytes: 500_000 }],
  ])

  expect(Object.fromEntries(countBelow(tree, own))).toEqual({
    null: { files: 15, bytes: 543_210 },
    a: { files: 9, bytes: 43_200 },
    b: { files: 3, bytes: 3000 },
    empty: { files: 0, bytes: 0 },
  })
  expect(shownAs(tree, 'twin')).toBe('a')
  expect(shownAs(tree, 'unknown')).toBeNull()
})

function pathsOf({ shown }: FolderTree): Record<string, string> {
  const paths: Record<string, string> = {}
  for (const { folderId, parentId, name } of shown.values()) {
    // Those around it come before it.
    const around = parentId === null ? '' : paths[parentId]
    if (around === undefined) throw new Error(`${folderId} comes before its parent`)
    paths[folderId] = `${around}/${name}`
  }
  return paths
}
