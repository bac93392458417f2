import { gzipSync } from 'node:zlib'
import { type HostileRequest, hostile, post } from '../requests.ts'

/** Against JSON bodies, and the fields in them. */

const JSON_TYPE = 'application/json'
const utf16 = (text: string) => Buffer.from(`\ufeff${text}`, 'utf16le')

const BODIES: [name: string, body: string | Buffer][] = [
  ['nothing', ''],
  ['spaces', '   '],
  ['null', 'null'],
  ['a number', '1'],
  ['a string', '"uploadId"'],
  ['a list', '[{"uploadId":"a"}]'],
  ['half', '{"uploadId":"a"'],
  ['two values', '{"uploadId":"a"}{"uploadId":"b"}'],
  ['a comment', '{/*x*/"uploadId":"a"}'],
  ['single quotes', "{'uploadId':'a'}"],
  ['a comma too many', '{"uploadId":"a",}'],
  ['a BOM', '\ufeff{"uploadId":"nobody"}'],
  ['UTF-16', utf16('{"uploadId":"nobody"}')],
  ['UTF-16 without a BOM', Buffer.from('{"uploadId":"nobody"}', 'utf16le')],
  ['bytes that are no UTF-8', Buffer.from('7b2275706c6f61644964223a22ff80c0af227d', 'hex')],
  ['gzip', gzipSync('{"uploadId":"nobody"}')],
  ['raw control characters', '{"uploadId":"a\0\x01\x1b"}'],
  ['__proto__', '{"uploadId":"a","__proto__":{"authToken":"token-fuzzer"}}'],
  ['__proto__ escaped', '{"uploadId":"a","\\u005f_proto__":{"admin":true}}'],
  ['constructor.prototype', '{"uploadId":"a","constructor":{"prototype":{"admin":true}}}'],
  ['__proto__ alone', '{"__proto__":{"uploadId":"a"}}'],
  ['1,000 deep lists', `${'['.repeat(1000)}${']'.repeat(1000)}`],
  ['30,000 deep objects', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`],
  ['unclosed depth', '['.repeat(60_000)],
  [
    '10,000 fields',
    JSON.stringify(Object.fromEntries(Array.from({ length: 7000 }, (_, n) => [`f${n}`, 0]))),
  ],
  ['70 KB', JSON.stringify({ uploadId: 'a', pad: 'x'.repeat(70_000) })],
  ['2 MB', JSON.stringify({ uploadId: 'a', pad: 'x'.repeat(2_000_000) })],
]

const CONTENT_TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-16',
  'application/json, text/html',
  'application/JSON;;;',
  'application/json\tx',
  '/',
  ';',
  'a'.repeat(5000),
  'application/vnd.api+json',
  '__proto__',
  'text/html; boundary=x',
  'multipart/form-data',
]

export const jsonCorpus: HostileRequest[] = [
  ...['/init-upload', '/complete-upload', '/cancel-upload', '/tickets'].flatMap((route) => [
    ...BODIES.map(([name, body]) => hostile(`${route} with ${name}`, post(route, JSON_TYPE, body))),
    ...CONTENT_TYPES.map((type) =>
      hostile(`${route} as ${type.slice(0, 40)}`, post(route, type, '{"uploadId":"nobody"}')),
    ),
  ]),
]
