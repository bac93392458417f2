import { expect, test } from 'vitest'
import { acceptsCoding, prefers } from '../../../src/http/answers/accept.ts'

test.each([
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['text/html', true],
  ['TEXT/HTML', true],
  ['text/html;level=1;q=0.5', true],
  ['text/html;q=0', false],
  ['text/html;Q=0', false],
  ['text/html; q=0.0, */*', false],
  ['text/html;q=nonsense', false],
  ['text/html;q="0"', false],
  ['text/htmlx', false],
  ['text/html, */*', true],
  ['*/*, text/html', true],
  ['text/*', true],
  ['text/*;q=0.1, */*;q=0.2', false],
  ['text/*;q=0.2, */*;q=0.1', true],
  ['application/json;q=0.9, text/html;q=0.8', false],
  ['application/*;q=0.9, text/html;q=0.8', false],
  ['application/json;q=0.8, text/html;q=0.9', true],
  ['application/json;q=0, */*', true],
  [', ,text/html ,', true],
  ['image/png;x="text/html,text/html"', false],
  ['image/png;x="', false],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', true],
])('%j asks for HTML rather than JSON: %j', (accept, expected) => {
  for (const evenIfEqual of [true, false]) {
    expect(prefers(accept, 'text/html', { to: 'application/json', evenIfEqual })).toBe(expected)
  }
})

test.each([
  'text/html, application/json',
  'application/json, text/html',
  'text/html, APPLICATION/json',
])('%j gives both the same weight, so the route decides', (accept) => {
  const to = 'application/json'
  expect(prefers(accept, 'text/html', { to, evenIfEqual: true })).toBe(true)
  expect(prefers(accept, 'text/html', { to, evenIfEqual: false })).toBe(false)
})

test.each([
  [undefined, false],
  ['', false],
  ['br', true],
  ['gzip, BR', true],
  ['gzip;q=1.0 , br ; Q=0.5', true],
  ['br;q=0, gzip', false],
  ['br;q=no', false],
  ['*', false],
  ['brotli', false],
  [',,br', true],
  ['gzip;x="a, br"', false],
])('%j accepts br: %s', (accept, expected) => {
  expect(acceptsCoding(accept, 'br')).toBe(expected)
})
