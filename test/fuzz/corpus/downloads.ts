import { get, type Header, type HostileRequest, hostile, LINK, MESSAGE_ID } from '../requests.ts'

/** Against ranges, conditions, names and tickets of downloads. The file has 5,000 bytes. */

const link = (query = '') => `/download?messageId=${MESSAGE_ID}&token=${LINK}${query}`
const withHeaders = (...headers: Header[]) => get(link(), headers)

const RANGES = [
  'bytes=',
  'bytes=-',
  'bytes=--1',
  'bytes=-0',
  'bytes=0--1',
  'bytes=5-4',
  'bytes=a-b',
  'bytes= 0 - 1 ',
  'bytes=0-0,-1',
  'bytes=0-,0-',
  'bytes=,',
  'bytes=,,,0-1',
  'bytes=0-1,',
  'bytes=0-1;2-3',
  'bytes 0-1',
  'bytes=99999999999999999999-',
  'bytes=-99999999999999999999',
  'bytes=0-99999999999999999999999999',
  'bytes=1e3-',
  'bytes=0x0-',
  'bytes=-1e309',
  'bytes=NaN-',
  'bytes=\u0660-',
  'BYTES=0-1',
  'octets=0-1',
  'bytes=0-1\t',
  'bytes=5000-',
  'bytes=4999-',
  'bytes=-5001',
  `bytes=${'0-0,'.repeat(1000)}1-1`,
  `bytes=${Array.from({ length: 32 }, (_, n) => `${n * 2}-${n * 2}`).join(',')}`,
  `bytes=${Array.from({ length: 33 }, (_, n) => `${n * 2}-${n * 2}`).join(',')}`,
  `bytes=${'9'.repeat(8000)}-`,
  '',
  '=',
  'bytes',
  'none',
]

const CONDITIONS: Header[] = [
  ['If-Match', ''],
  ['If-Match', '*'],
  ['If-Match', '"'],
  ['If-Match', '"a", W/"b", *'],
  ['If-Match', '"'.repeat(5000)],
  ['If-None-Match', 'W/'],
  ['If-None-Match', '*, *'],
  ['If-None-Match', `${'"a",'.repeat(3000)}"b"`],
  ['If-Modified-Since', 'yesterday'],
  ['If-Modified-Since', 'Thu, 01 Jan 1970 00:00:00 GMT'],
  ['If-Modified-Since', '99999999999999'],
  ['If-Modified-Since', '-271821-04-20'],
  ['If-Unmodified-Since', '0'],
  ['If-Unmodified-Since', 'Fri, 31 Feb 2026 99:99:99 GMT'],
  ['If-Range', '"'],
  ['If-Range', 'W/"1001"'],
  ['If-Range', '*'],
  ['If-Range', '275760-09-13'],
  ['If-Range', '\xff'],
  ['Accept', '*/*;q=NaN'],
  ['Accept-Encoding', 'gzip;q=9, *;q=0'],
  ['Cookie', 'a=b; __proto__=c'],
  ['Referer', 'javascript:alert(1)'],
  ['Origin', 'null'],
  ['Origin', 'https://evil.test\t'],
  ['Access-Control-Request-Headers', 'x'.repeat(5000)],
]

export const downloadCorpus: HostileRequest[] = [
  ...RANGES.map((range) => hostile(`Range: ${range.slice(0, 60)}`, withHeaders(['Range', range]))),
  ...RANGES.map((range) =>
    hostile(`HEAD with Range: ${range.slice(0, 60)}`, {
      ...withHeaders(['Range', range]),
      method: 'HEAD',
    }),
  ),
  ...CONDITIONS.map(([name, value]) =>
    hostile(`${name}: ${value.slice(0, 60)}`, withHeaders([name, value])),
  ),
  ...CONDITIONS.map(([name, value]) =>
    hostile(
      `${name}: ${value.slice(0, 60)} with a range`,
      withHeaders([name, value], ['Range', 'bytes=0-9,20-29']),
    ),
  ),
  hostile('two Ranges', withHeaders(['Range', 'bytes=0-1'], ['Range', 'bytes=2-3'])),
  hostile(
    'two If-Ranges',
    withHeaders(['Range', 'bytes=0-1'], ['If-Range', '"1001"'], ['If-Range', '"x"']),
  ),
  hostile(
    'garbage behind a download',
    Buffer.from(`GET ${link()} HTTP/1.1\r\nHost: x\r\n\r\n\x00\x01garbage\r\n\r\n`, 'latin1'),
    200,
    'closed',
  ),
]
