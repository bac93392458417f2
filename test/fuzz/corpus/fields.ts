import {
  CANARY,
  type HostileRequest,
  hostile,
  LINK,
  MESSAGE_ID,
  OPEN_UPLOAD,
  OTHER_TOKEN,
  post,
  postJson,
  TOKEN,
} from '../requests.ts'

/** Against the fields of JSON bodies. */

const JSON_TYPE = 'application/json'
const good = { uploadId: 'fuzz_json', fileName: 'f', totalChunks: 1, fileSize: 1, authToken: TOKEN }
const init = (changes: object) => postJson('/init-upload', { ...good, ...changes })

const NUMBERS = [
  'NaN',
  'Infinity',
  '-Infinity',
  '1e309',
  '-1e309',
  '-0',
  '0x10',
  '1_000',
  '01',
  '.5',
  '5.',
  '1e3',
  '9007199254740993',
  '99999999999999999999999999',
  '0.1',
  '-1',
  '2147483648',
  '4294967297',
  '"1 "',
  '"１"',
  '"1e3"',
  '"0x1"',
  '"-0"',
  '""',
  '[1]',
  '{"valueOf":1}',
  'true',
  'null',
]

const NAMES: unknown[] = [
  `../../${CANARY}`,
  `/etc/${CANARY}`,
  `C:\\${CANARY}`,
  'a\0b',
  'a\r\nSet-Cookie: fuzzcanary=1',
  '"; filename="evil.html',
  '\u202egnp.exe',
  '\ud800\udfff\ud800',
  '\uffff\ufeff\u0085\u2028',
  '​',
  '.',
  '..',
  '~',
  'CON',
  'Z\u0351\u036b\u0343'.repeat(300),
  'a'.repeat(1024),
  'a'.repeat(1025),
  '💣'.repeat(512),
  '',
  0,
  null,
  [],
  { length: 1 },
]

const TYPES = [
  'text/html\r\nX-Smuggled: 1',
  'text/html; charset="\\"',
  '../x',
  'a/b;'.repeat(60),
  'x'.repeat(300),
  'image/svg+xml',
  'text/plain; a=\ud800',
  'text/plain;\0',
  5,
]

const TOKENS = [
  '',
  ' ',
  'a b',
  'tkt_',
  `tkt_${'A'.repeat(100)}`,
  'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.',
  'null',
  '\0',
  'é',
  '\r\nX: 1',
  'x'.repeat(16_385),
  LINK,
  `${TOKEN} `,
  'a.b.c',
]

const TICKETS: object[] = [
  { messageId: 2 ** 31 },
  { messageId: '1e3' },
  { messageId: MESSAGE_ID, uploadId: OPEN_UPLOAD },
  { messageId: MESSAGE_ID, expiresIn: 1e300 },
  { messageId: MESSAGE_ID, expiresIn: -1 },
  { messageId: MESSAGE_ID, fileId: '../../x' },
  { messageId: MESSAGE_ID, disposition: 'inline\r\nX: 1' },
  { uploadId: OPEN_UPLOAD, fileName: '\r\nX-Smuggled: 1' },
  { messageId: MESSAGE_ID, fileName: `"&token=x#${CANARY}` },
]

export const fieldCorpus: HostileRequest[] = [
  ...['totalChunks', 'fileSize'].flatMap((field) =>
    NUMBERS.map((text) => {
      const body = `{"uploadId":"fuzz_number","fileName":"f","totalChunks":1,"fileSize":1,"authToken":"${TOKEN}","${field}":${text}}`
      return hostile(`${field} ${text}`, postJson('/init-upload', body))
    }),
  ),
  ...NAMES.map((fileName, at) =>
    hostile(`a bad name, number ${at}`, init({ uploadId: `fuzz_name_${at}`, fileName })),
  ),
  ...TYPES.map((mimeType, at) =>
    hostile(`a bad type, number ${at}`, init({ uploadId: `fuzz_type_${at}`, mimeType })),
  ),
  ...TOKENS.map((authToken, at) =>
    hostile(`a bad token, number ${at}`, init({ uploadId: `fuzz_token_${at}`, authToken })),
  ),
  ...TOKENS.map((token, at) =>
    hostile(
      `a bad Bearer, number ${at}`,
      postJson('/init-upload', good, [['Authorization', `Bearer ${token.replace(/[\r\n]/g, '')}`]]),
    ),
  ),
  ...TICKETS.map((ticket, at) =>
    hostile(`a bad ticket, number ${at}`, postJson('/tickets', { ...ticket, authToken: TOKEN })),
  ),
  hostile(
    'a duplicate key',
    post('/cancel-upload', JSON_TYPE, '{"uploadId":"a","uploadId":"../b"}'),
    400,
  ),
  hostile('a session of 10^15 bytes', init({ uploadId: 'fuzz_vast', fileSize: 1e15 }), 413),
  hostile(
    'a session of more chunks than bytes',
    init({ uploadId: 'fuzz_thin', totalChunks: 10_000 }),
  ),
  hostile(
    'an upload of another user',
    postJson('/complete-upload', { uploadId: OPEN_UPLOAD, authToken: OTHER_TOKEN }),
    404,
  ),
  hostile(
    'revoking with a ticket',
    { ...postJson('/tickets', { authToken: `tkt_${'A'.repeat(80)}` }), method: 'DELETE' },
    401,
  ),
]
