import type { LibraryItem } from 'telestore-client'

/** How a file is shown: `other` ones are only saved. */
export type FileKind = 'video' | 'audio' | 'image' | 'pdf' | 'text' | 'archive' | 'other'

const BY_EXTENSION: Readonly<Record<string, FileKind>> = {
  mp4: 'video',
  m4v: 'video',
  webm: 'video',
  mov: 'video',
  mkv: 'video',
  mp3: 'audio',
  m4a: 'audio',
  ogg: 'audio',
  oga: 'audio',
  opus: 'audio',
  wav: 'audio',
  flac: 'audio',
  aac: 'audio',
  png: 'image',
  jpg: 'image',
  jpeg: 'image',
  gif: 'image',
  webp: 'image',
  avif: 'image',
  bmp: 'image',
  pdf: 'pdf',
  txt: 'text',
  md: 'text',
  log: 'text',
  csv: 'text',
  json: 'text',
  srt: 'text',
  vtt: 'text',
  xml: 'text',
  yml: 'text',
  yaml: 'text',
  toml: 'text',
  ini: 'text',
  conf: 'text',
  sh: 'text',
  py: 'text',
  js: 'text',
  ts: 'text',
  css: 'text',
  sql: 'text',
  zip: 'archive',
  gz: 'archive',
  tar: 'archive',
  '7z': 'archive',
  rar: 'archive',
}

export function kindOf({ name, type }: { name: string; type: string }): FileKind {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase() ?? ''
  const [family] = type.split('/')
  if (type === 'application/pdf') return 'pdf'
  // An SVG may hold scripts, so the worker hands it out for saving only.
  if (type.startsWith('image/svg')) return 'other'
  if (family === 'video' || family === 'audio' || family === 'image') return family
  return BY_EXTENSION[extension] ?? (family === 'text' && extension !== 'html' ? 'text' : 'other')
}

export function kindOfItem({
  fileName,
  mimeType,
}: Pick<LibraryItem, 'fileName' | 'mimeType'>): FileKind {
  return kindOf({ name: fileName, type: mimeType })
}

export function canBeShown(kind: FileKind): boolean {
  return kind !== 'archive' && kind !== 'other'
}
