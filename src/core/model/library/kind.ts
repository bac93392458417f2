import type { FileKind } from '../../ports/catalogue.ts'
import { mimeTypeOf } from '../mime-type.ts'

export const FILE_KINDS = ['video', 'audio', 'image', 'document', 'archive', 'other'] as const

const ARCHIVE =
  /^application\/(zip|gzip|zstd|vnd\.rar|x-(7z-compressed|tar|gtar|bzip2?|xz|rar(-compressed)?|zip-compressed|lzip|lzma|compress|cpio|iso9660-image|apple-diskimage)|vnd\.(debian\.binary-package|android\.package-archive|ms-cab-compressed)|java-archive|x-rpm)$/
const DOCUMENT =
  /^(text\/.*|application\/(pdf|rtf|json|xml|epub\+zip|msword|x-(tex|latex|mobipocket-ebook)|postscript|yaml|vnd\.(ms-(excel|powerpoint|word|works|xpsdocument).*|oasis\.opendocument\..*|openxmlformats-officedocument\..*|apple\.(pages|numbers|keynote)|amazon\.ebook)))$/
/** Endings whose types nobody has registered, or that senders name wrongly. */
const ENDINGS: Record<string, FileKind> = {
  '7z': 'archive',
  bz2: 'archive',
  dmg: 'archive',
  iso: 'archive',
  rar: 'archive',
  tgz: 'archive',
  txz: 'archive',
  xz: 'archive',
  zst: 'archive',
  heic: 'image',
  flac: 'audio',
  opus: 'audio',
  m2ts: 'video',
  md: 'document',
}

/** What a person would call the file, by its type, or by its name where the type says little. */
export function kindOf(mimeType: string, name: string): FileKind {
  const type = mimeTypeOf(mimeType, name).replace(/;.*/, '').toLowerCase()
  const [top] = type.split('/')
  if (top === 'video' || top === 'audio' || top === 'image') return top
  if (ARCHIVE.test(type)) return 'archive'
  if (DOCUMENT.test(type)) return 'document'
  const ending = /\.([a-z0-9]{1,5})$/i.exec(name)?.[1]?.toLowerCase() ?? ''
  return ENDINGS[ending] ?? 'other'
}
