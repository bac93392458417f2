import type { LibraryItem } from 'telestore-client'
import type { Entry } from '../../../src/web/library/listing.ts'

export function makeItem(index: number, folder = '/'): LibraryItem {
  return {
    ...{ messageId: index + 1, fileName: `${index}.txt`, folder, size: 1, volumes: 1 },
    ...{ mimeType: 'text/plain', kind: 'document', createdAt: new Date(), modifiedAt: null },
    ...{ sha256: null, verified: false, thumbnail: false, link: '', postedBy: 'telestore' },
  }
}

export function entry(key: string): Entry {
  return { kind: 'file', key, name: key, file: makeItem(0) }
}

export function fileEntry(messageId: number, folder = '/'): Entry {
  const file = makeItem(messageId - 1, folder)
  return { kind: 'file', key: `file ${messageId}`, name: file.fileName, file }
}

export function folderEntry(path: string): Entry {
  const name = path.split('/').at(-1) ?? ''
  return { kind: 'folder', key: `folder ${path}`, name, folder: { path, name, files: 0, bytes: 0 } }
}
