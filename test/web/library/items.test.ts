import { expect, test } from 'vitest'
import { parsePage } from '../../../src/web/library/items.ts'

test('a page of the library is parsed', () => {
  const page = parsePage({
    items: [
      {
        ...{
          messageId: 7,
          fileName: 'sea.mp4',
          folder: '/holiday',
          size: 12,
          mimeType: 'video/mp4',
        },
        ...{ kind: 'video', createdAt: '2026-11-29T08:00:00.000Z', modifiedAt: null, volumes: 1 },
        ...{ sha256: 'ab12', thumbnail: true, link: 'https://t.me/c/1/7', postedBy: 'telestore' },
      },
    ],
    folders: [{ path: '/holiday', name: 'holiday', files: 3, bytes: 40 }],
    next: 'more',
    sync: { state: 'scanning', seen: 5, total: 9, at: null },
  })

  expect(page).toEqual({
    files: [
      {
        ...{ messageId: 7, name: 'sea.mp4', folder: '/holiday', size: 12, type: 'video/mp4' },
        ...{ at: Date.UTC(2026, 10, 29, 8), modifiedAt: null, sha256: 'ab12', hasThumbnail: true },
        ...{ link: 'https://t.me/c/1/7', isOurs: true },
      },
    ],
    folders: [{ path: '/holiday', name: 'holiday', files: 3, bytes: 40 }],
    next: 'more',
    sync: { state: 'scanning', seen: 5, total: 9 },
  })
})

test.each([
  ['nothing', null],
  ['a text', 'oops'],
  ['other fields', { items: [null, 3, { fileName: 'no id' }], folders: [{ path: '/a' }] }],
])('%s in place of a page is an empty one', (_what, answer) => {
  expect(parsePage(answer)).toMatchObject({ files: [], folders: [], next: null })
})

test('a link that is no web address is not followed', () => {
  const link = 'javascript:alert(1)'

  const { files } = parsePage({ items: [{ messageId: 1, fileName: 'a', link }] })

  expect(files[0]?.link).toBe(null)
})
