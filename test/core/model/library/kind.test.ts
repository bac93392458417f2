import { expect, test } from 'vitest'
import { kindOf } from '../../../../src/core/model/library/kind.ts'

test.each([
  ['video/mp4', 'a.mp4', 'video'],
  ['video/x-matroska', 'a.mkv', 'video'],
  ['application/octet-stream', 'a.mkv', 'video'],
  ['', 'a.m2ts', 'video'],
  ['audio/flac', 'a.flac', 'audio'],
  ['application/octet-stream', 'a.opus', 'audio'],
  ['image/svg+xml', 'a.svg', 'image'],
  ['application/octet-stream', 'a.HEIC', 'image'],
  ['text/plain; charset=utf-8', 'a', 'document'],
  ['application/pdf', 'a.pdf', 'document'],
  ['application/vnd.openxmlformats-officedocument.wordprocessingml.document', 'a', 'document'],
  ['application/octet-stream', 'notes.md', 'document'],
  ['application/zip', 'a.zip', 'archive'],
  ['application/x-7z-compressed', 'a', 'archive'],
  ['application/octet-stream', 'a.tar.zst', 'archive'],
  ['application/octet-stream', 'a.RAR', 'archive'],
  ['application/gzip', 'a.tar.gz', 'archive'],
  ['application/octet-stream', 'a.bin', 'other'],
  ['application/octet-stream', 'README', 'other'],
  ['not a type', '', 'other'],
])('the type %j and the name %j are of the kind %s', (type, name, kind) => {
  expect(kindOf(type, name)).toBe(kind)
})
