import { expect, test } from 'vitest'
import { mimeTypeOf } from '../../../src/core/model/mime-type.ts'

test.each([
  ['video/webm', 'video/webm'],
  ['Video/WebM', 'video/webm'],
  ['video/webm;codecs=vp8', 'video/webm'],
  ['video/webm;codecs=vp8,opus', 'video/webm'],
  ['video/webm; codecs="vp8, opus"; x="a;b"', 'video/webm'],
  ['text/plain;charset=ISO-8859-1', 'text/plain; charset=ISO-8859-1'],
  ['text/plain ; format=flowed ; Charset="koi8-r" ', 'text/plain; charset=koi8-r'],
  ['application/json; charset=utf-16', 'application/json; charset=utf-16'],
  ['text/plain; charset=utf-8; charset=koi8-r', 'text/plain; charset=utf-8'],
  ['text/plain; charset=', 'text/plain'],
  ['text/plain; charset="a b"', 'text/plain'],
  ['text/plain; charset="utf-8', 'text/plain'],
  ['text/plain; charset=utf-8\r\nX: 1', 'text/plain'],
  [`text/plain; charset=${'x'.repeat(65)}`, 'text/plain'],
  [`video/webm; x=${'y'.repeat(100_000)}`, 'video/webm'],
  ['application/vnd.a!b#c$d&e^f_g', 'application/vnd.a!b#c$d&e^f_g'],
])('a declared type %j is kept as %j', (declared, expected) => {
  expect(mimeTypeOf(declared, 'file.bin')).toBe(expected)
})

test.each([
  null,
  undefined,
  '',
  ';charset=utf-8',
  'video',
  'video/',
  '/mp4',
  '*/*',
  'video/*',
  'video/mp4/x',
  'video/mp4, text/html',
  'video/mp4\r\nX: 1',
  'video/mp4\0',
  'видео/mp4',
  `video/${'x'.repeat(128)}`,
  'application/octet-stream',
  'Application/Octet-Stream; charset=utf-8',
])('a type that says nothing, %j, is looked up by the name', (declared) => {
  expect(mimeTypeOf(declared, 'film.mkv')).toBe('video/x-matroska')
  expect(mimeTypeOf(declared, 'file')).toBe('application/octet-stream')
})
