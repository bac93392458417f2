import { expect, test } from 'vitest'
import { planDownload, type Saved } from '../../../src/web/library/downloads.ts'
import type { Entry } from '../../../src/web/library/listing.ts'
import { fileEntry, folderEntry, makeItem } from './entries.ts'

function folderOf(path: string, files: number): Entry {
  const entry = folderEntry(path)
  return entry.kind === 'folder' ? { ...entry, folder: { ...entry.folder, files } } : entry
}

/** What is saved, as a text. */
function say(saved: Saved): string {
  if (saved.kind === 'file') return `file ${saved.file.messageId}`
  const { content } = saved
  if ('folder' in content) return `archive of ${content.folder}`
  return `archive of ${content.items.length > 3 ? content.items.length : content.items}`
}

const many = Array.from({ length: 501 }, (_, n) => fileEntry(n + 1))

test.each<[string, readonly Entry[], string | null, string[]]>([
  ['a file', [fileEntry(1)], null, ['file 1']],
  ['the only file of a folder', [fileEntry(1)], '/A', ['file 1']],
  ['some files', [fileEntry(1), fileEntry(3)], null, ['archive of 1,3']],
  ['a folder', [folderOf('/A', 9)], null, ['archive of /A']],
  ['all that a folder has', [fileEntry(1), folderOf('/A/B', 9)], '/A', ['archive of /A']],
  ['a folder and a file', [folderOf('/A', 2), fileEntry(1)], null, ['archive of 1,11,12']],
  ['more files than an archive names', many, null, ['archive of 500', 'archive of 501']],
  [
    'a large folder, an empty one and a file',
    [folderOf('/A', 500), folderOf('/B', 0), fileEntry(1)],
    null,
    ['archive of 1', 'archive of /A'],
  ],
])('of %s the browser saves the right thing', async (_, chosen, whole, saved) => {
  const filesBelow = async () => [makeItem(10), makeItem(11)]

  const planned = await planDownload({ chosen, whole, filesBelow })

  expect(planned.map(say)).toEqual(saved)
})
