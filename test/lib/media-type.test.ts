import { expect, test } from 'vitest'
import { bareTypeOf, isMediaType, namesMediaType } from '../../src/lib/media-type.ts'

test.each([
  'text/html',
  'Text/HTML',
  ' text/html ;charset=utf-8',
  'text/html;x="a;b,c/d"',
  'text/html;',
])('%j is HTML', (header) => {
  expect(bareTypeOf(header)).toBe('text/html')
  expect(isMediaType(header, 'text/html')).toBe(true)
  expect(namesMediaType(header)).toBe(true)
})

test.each([
  'text/plain',
  'text/htmlx',
  'text/plain;type=text/html',
  '"text/html"',
  'text/html, text/html',
])('%j is not HTML', (header) => {
  expect(isMediaType(header, 'text/html')).toBe(false)
})

test.each(['', ' ', 'text', 'text/', '/html', 'text/html/x', 'te xt/html', 'текст/html', ';a=b'])(
  '%j names no type',
  (header) => {
    expect(namesMediaType(header)).toBe(false)
  },
)

test('no header names no type', () => {
  expect(isMediaType(undefined, '')).toBe(false)
})
