import {
  CANARY,
  get,
  type Header,
  type HostileRequest,
  hostile,
  OPEN_UPLOAD,
  type RawRequest,
  TOKEN,
} from '../requests.ts'

/** Against the resumable protocol. */

const VERSION: Header = ['Tus-Resumable', '1.0.0']
const AUTH: Header = ['Authorization', `Bearer ${TOKEN}`]
const STREAM: Header = ['Content-Type', 'application/offset+octet-stream']

function create(...headers: Header[]): RawRequest {
  return { ...get('/files', [VERSION, AUTH, ['Content-Length', '0'], ...headers]), method: 'POST' }
}

function patch(id: string, body: string, ...headers: Header[]): RawRequest {
  const length: Header = ['Content-Length', String(body.length)]
  const request = get(`/files/${id}`, [VERSION, STREAM, length, ...headers])
  return { ...request, method: 'PATCH', body: Buffer.from(body) }
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const LENGTHS =
  '-1 +1 1e3 1e309 NaN 0x10 1,1 1.5 9007199254740993 99999999999999999999 １ null'.split(' ')

const METADATA = [
  ...[
    '',
    ',',
    ',,,',
    'filename',
    'filename ',
    'filename =',
    'filename %%%',
    'filename a b c',
    ' filename YQ==',
  ],
  `filename ${base64(`../../${CANARY}`)}`,
  `filename ${base64('a\r\nX-Smuggled: 1')}`,
  `filename ${base64('\0\u202e\ufeff')}`,
  `filename ${Buffer.from([0xff, 0xfe, 0xed, 0xa0, 0x80]).toString('base64')}`,
  `filename ${base64('a')},filename ${base64('b')}`,
  `__proto__ ${base64('x')},constructor ${base64('y')}`,
  `filename ${base64('x'.repeat(3000))}`,
  `filename ${base64('f')},filetype ${base64('text/html\r\nX-Smuggled: 1')}`,
  Array.from({ length: 500 }, (_, n) => `k${n} YQ==`).join(','),
]

const CONCATS = [
  ...[
    '',
    'partial',
    'final',
    'final;',
    'PARTIAL',
    'final;/files/../../x',
    `final;/files/${OPEN_UPLOAD}`,
    'partial;x',
  ],
  'final;http://evil.test/files/x /files/y',
  `final;${'/files/x '.repeat(500)}`,
  'final;/files/%00 /files/%2e%2e',
]

const CHECKSUMS = [
  '',
  'sha1',
  'sha1 ',
  'sha1 %%%',
  'sha1 YQ==',
  'md5 AAAA',
  'crc32 AAAA',
  '__proto__ AAAA',
  `sha256 ${'A'.repeat(5000)}`,
]
const OFFSETS = ['', '-1', '1', '1e0', 'NaN', '99999999999999999999', '0,0', '0x0', '00']
const IDS = [
  'nobody',
  '..%2f..%2fx',
  '%00',
  '%ff',
  '__proto__',
  'a'.repeat(129),
  'a'.repeat(300),
  OPEN_UPLOAD,
  `x/../../${CANARY}`,
  '~',
]

export const tusCorpus: HostileRequest[] = [
  hostile('a stream without a version', { ...create(), headers: [['Host', 'x'], AUTH] }, 412),
  hostile(
    'a stream of another version',
    { ...create(), headers: [['Host', 'x'], AUTH, ['Tus-Resumable', '9.9.9']] },
    412,
  ),
  hostile('a stream without a length', create(), 400),
  hostile('a stream whose length is put off, badly', create(['Upload-Defer-Length', '2'])),
  hostile(
    'a stream with both lengths',
    create(['Upload-Defer-Length', '1'], ['Upload-Length', '5']),
  ),
  hostile('a stream with two lengths', create(['Upload-Length', '5'], ['Upload-Length', '6'])),
  hostile(
    'a stream without a token',
    { ...get('/files', [VERSION, ['Upload-Length', '5']]), method: 'POST' },
    401,
  ),
  hostile('a stream of 10^15 bytes', create(['Upload-Length', '1000000000000000']), 413),
  ...LENGTHS.map((length) =>
    hostile(`a stream of ${length} bytes`, create(['Upload-Length', length])),
  ),
  ...METADATA.map((metadata, at) =>
    hostile(
      `bad metadata, number ${at}`,
      create(['Upload-Length', '5'], ['Upload-Metadata', metadata]),
    ),
  ),
  ...CONCATS.map((concat) =>
    hostile(
      `Upload-Concat: ${concat.slice(0, 50)}`,
      create(['Upload-Length', '5'], ['Upload-Concat', concat]),
    ),
  ),
  ...CONCATS.map((concat) =>
    hostile(`the same without a length: ${concat.slice(0, 50)}`, create(['Upload-Concat', concat])),
  ),
  ...IDS.flatMap((id) => [
    hostile(`HEAD of the stream ${id.slice(0, 40)}`, {
      ...get(`/files/${id}`, [VERSION]),
      method: 'HEAD',
    }),
    hostile(`DELETE of the stream ${id.slice(0, 40)}`, {
      ...get(`/files/${id}`, [VERSION, ['Authorization', 'Bearer nobody']]),
      method: 'DELETE',
    }),
    hostile(`bytes for the stream ${id.slice(0, 40)}`, patch(id, 'abc', ['Upload-Offset', '0'])),
    hostile(`GET of the stream ${id.slice(0, 40)}`, get(`/files/${id}`, [VERSION])),
  ]),
  ...OFFSETS.map((offset) =>
    hostile(`bytes at ${offset}`, patch(OPEN_UPLOAD, 'abc', ['Upload-Offset', offset])),
  ),
  ...CHECKSUMS.map((checksum) =>
    hostile(
      `a checksum of ${checksum.slice(0, 30)}`,
      patch(OPEN_UPLOAD, 'abc', ['Upload-Offset', '0'], ['Upload-Checksum', checksum]),
    ),
  ),
  hostile('bytes of another type', {
    ...patch(OPEN_UPLOAD, 'abc'),
    headers: [
      ['Host', 'x'],
      VERSION,
      ['Content-Type', 'text/html'],
      ['Content-Length', '3'],
      ['Upload-Offset', '0'],
    ],
  }),
  hostile('bytes with a new file', {
    ...create(['Upload-Length', '3'], STREAM),
    headers: [
      ['Host', 'x'],
      VERSION,
      AUTH,
      STREAM,
      ['Upload-Length', '3'],
      ['Content-Length', '9'],
    ],
    body: Buffer.from('ninebytes'),
  }),
]
