import { get, type HostileRequest, hostile, LINK, MESSAGE_ID } from '../requests.ts'

/** Against the query of a download, tokens in addresses, and what answers in many types. */

const link = (query = '') => `/download?messageId=${MESSAGE_ID}&token=${LINK}${query}`

const QUERIES = [
  'messageId=0',
  'messageId=-1',
  'messageId=2147483648',
  'messageId=1e0',
  'messageId=01',
  'messageId=%31',
  'messageId=1%00',
  'messageId=1.0',
  'messageId=NaN',
  'messageId=',
  'messageId',
  'messageId=1;DROP',
  'messageId=%EF%BC%91',
  'messageId=99999999999999999999',
]

const PRESENTATIONS = [
  'fileName=a%0d%0aSet-Cookie:%20fuzzcanary=1',
  'fileName=a%0aX-Smuggled:%201',
  'fileName=%00',
  'fileName=%22%3b%20filename=%22evil.html',
  'fileName=..%2f..%2fetc%2fpasswd',
  'fileName=%e2%80%aegnp.exe',
  'fileName=%f0%9f%92%a3',
  'fileName=%ed%a0%80',
  'fileName=%c0%af',
  `fileName=${'%e2%98%83'.repeat(900)}`,
  `fileName=${'a'.repeat(1025)}`,
  'fileName=',
  'fileName=%5c%22',
  "fileName=utf-8''%2527",
  'fileName=%25%32%66',
  'fileName=%e2%80%a8',
  'fileName=a%7f%1b%5b31m',
  'fileName=a.html',
  'fileName=a.svg&disposition=inline',
  'disposition=evil',
  'disposition=inline%0d%0aX:1',
  'disposition=inline&disposition=attachment',
  'fileId=..%2f..%2fx',
  'fileId=%00',
  `fileId=${'A'.repeat(513)}`,
  'fileId=AgAD',
]

const TOKENS = [
  '',
  'tkt_',
  'tkt_AAAA',
  `tkt_${'A'.repeat(120)}`,
  `tkt_${'_'.repeat(4000)}`,
  'tkt_%00',
  'eyJ.eyJ.',
  'eyJhbGciOiJub25lIn0.e30.',
  'link-',
  'link-token-',
  '%ff',
  '%',
  'a'.repeat(15_000),
  'token-fuzzer%00',
  '__proto__',
]

export const queryCorpus: HostileRequest[] = [
  ...QUERIES.map((query) =>
    hostile(`a download of ${query}`, get(`/download?${query}&token=${LINK}`), 200, 400, 404),
  ),
  ...PRESENTATIONS.map((query) =>
    hostile(`a download as ${query.slice(0, 60)}`, get(link(`&${query}`))),
  ),
  ...PRESENTATIONS.map((query) =>
    hostile(`the head of a download as ${query.slice(0, 60)}`, {
      ...get(link(`&${query}`)),
      method: 'HEAD',
    }),
  ),
  ...TOKENS.map((token) =>
    hostile(
      `a download with the token ${token.slice(0, 30)}`,
      get(`/download?messageId=1&token=${token}`),
      400,
      401,
      431,
    ),
  ),
  ...TOKENS.map((token) =>
    hostile(
      `progress with the token ${token.slice(0, 30)}`,
      get(`/upload-progress/fuzz_open_upload?token=${token}`),
    ),
  ),
  ...[
    '*/*',
    'text/html',
    'text/event-stream',
    'text/plain;version=0.0.4',
    'application/openmetrics-text',
    '\xff',
    'x'.repeat(5000),
  ].flatMap((accept) =>
    [
      '/',
      '/health',
      '/healthz',
      '/readyz',
      '/metrics',
      '/jobs',
      '/library',
      '/docs',
      '/docs/json',
      '/files',
      '/upload-progress/fuzz_nobody',
    ].map((path) =>
      hostile(`${path} with Accept: ${accept.slice(0, 30)}`, get(path, [['Accept', accept]])),
    ),
  ),
]
