import { MiB } from '../../../src/lib/units.ts'
import {
  BOUNDARY,
  CANARY,
  chunkParts,
  field,
  filePart,
  formBody,
  type HostileRequest,
  hostile,
  LINK,
  OPEN_UPLOAD,
  OTHER_TOKEN,
  type Part,
  postForm,
  TOKEN,
  toBytes,
} from '../requests.ts'

/** Against what a well-formed form of a chunk or a small file says. */

const ROUTE = '/upload-chunk'
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`
const chunk = (...parts: Part[]) => postForm(ROUTE, parts)
const fields = chunkParts().slice(1)
const file = filePart('chunk', 'abc')
const many = (count: number, name: (n: number) => string): Part[] =>
  Array.from({ length: count }, (_, n) => field(name(n), 'x'))

const VALUES: Record<string, string[]> = {
  uploadId: [`../../${CANARY}`, '', 'a\0b', 'a/b', 'é', 'x'.repeat(129), '__proto__', '.', '..'],
  chunkIndex: [
    '-1',
    '1',
    '1e1',
    'NaN',
    '',
    '0x0',
    '99999999999999999999',
    '9007199254740991',
    '0.0',
    ' 0',
  ],
  totalChunks: ['0', '-1', '1e309', 'Infinity', '10001', '2', '1,1', '９'],
  fileSize: ['0', '2', '4', '-0', '1e3', '9007199254740993', '999999999999'],
  fileName: ['', '\r\nX: 1', '\0', `../${CANARY}`, 'x'.repeat(2000), '\u202e', '"'],
  authToken: ['', 'nobody', OTHER_TOKEN, 'tkt_x', '\0', 'x'.repeat(70_000), LINK],
  mimeType: ['text/html\r\nX: 1', 'x', 'a/b;\0'],
}

export const chunkCorpus: HostileRequest[] = [
  ...Object.entries(VALUES).flatMap(([name, values]) =>
    values.map((value, at) =>
      hostile(`a bad ${name}, number ${at}`, chunk(...chunkParts({ [name]: value }))),
    ),
  ),
  hostile('two chunks in one form', chunk(file, file, ...fields), 400, 413),
  hostile('a chunk of another name', chunk(filePart('file', 'abc'), ...fields), 400),
  hostile('a chunk that is a field', chunk(field('chunk', 'abc'), ...fields), 400),
  hostile('a field that is a file', chunk(file, filePart('uploadId', 'x'), ...fields)),
  hostile('fields before and after', chunk(...fields.slice(0, 3), file, ...fields.slice(3))),
  hostile(
    'fields twice, with other values',
    chunk(file, ...fields, field('uploadId', `../${CANARY}`)),
    400,
  ),
  hostile('an empty chunk', chunk(...chunkParts({ uploadId: 'fuzz_empty' }, '')), 400),
  hostile(
    'a chunk that ends in a boundary',
    chunk(filePart('chunk', `\r\n--${BOUNDARY}`), ...fields),
  ),
  hostile('a form inside the chunk', chunk(filePart('chunk', formBody(chunkParts())), ...fields)),
  hostile('10,000 fields', chunk(...many(10_000, (n) => `f${n}`), file), 400, 413),
  hostile('10,000 fields of one name', chunk(file, ...many(10_000, () => 'uploadId')), 400, 413),
  hostile('a field named __proto__', chunk(file, field('__proto__', '{"a":1}'), ...fields)),
  hostile(
    'fields named as methods',
    chunk(
      file,
      ...many(3, (n) => ['constructor', 'toString', 'hasOwnProperty'][n] ?? ''),
      ...fields,
    ),
  ),
  hostile('a field name of 10 KB', chunk(file, field('n'.repeat(10_000), 'x'), ...fields)),
  hostile('a field name with line ends', chunk(file, field('a\r\nX-Smuggled: 1', 'x'), ...fields)),
  hostile('a field of 1 MB', chunk(file, field('uploadId', 'x'.repeat(1_000_000))), 413),
  hostile(
    'a chunk index beyond the end',
    chunk(
      ...chunkParts({ uploadId: OPEN_UPLOAD, chunkIndex: '2', totalChunks: '2', fileSize: '6' }),
    ),
    400,
  ),
  hostile(
    'a chunk for another user',
    chunk(
      ...chunkParts({
        uploadId: OPEN_UPLOAD,
        totalChunks: '2',
        fileSize: '6',
        authToken: OTHER_TOKEN,
      }),
    ),
    404,
  ),
  hostile(
    'a body shorter than its length',
    toBytes({
      ...chunk(file, ...fields),
      headers: [
        ['Host', 'x'],
        ['Content-Type', MULTIPART],
        ['Content-Length', '5000'],
      ],
    }),
  ),
  hostile(
    'a body longer than its length',
    toBytes({
      ...chunk(file, ...fields),
      headers: [
        ['Host', 'x'],
        ['Content-Type', MULTIPART],
        ['Content-Length', '50'],
      ],
    }),
  ),
  hostile(
    'a length of 0 with a body',
    toBytes({
      ...chunk(file, ...fields),
      headers: [
        ['Host', 'x'],
        ['Content-Type', MULTIPART],
        ['Content-Length', '0'],
      ],
    }),
  ),
  hostile(
    'a length of 2^52 with a small body',
    toBytes({
      ...chunk(file, ...fields),
      headers: [
        ['Host', 'x'],
        ['Content-Type', MULTIPART],
        ['Content-Length', String(2 ** 52)],
      ],
    }),
  ),
  hostile(
    'a chunk over the limit',
    chunk(filePart('chunk', Buffer.alloc(17 * MiB)), ...fields),
    413,
  ),
  hostile(
    'a token in a header and another in the form',
    postForm(ROUTE, chunkParts({ uploadId: 'fuzz_two_tokens' }), [
      ['Authorization', 'Bearer nobody'],
    ]),
    401,
  ),
  hostile('a small upload without a token', postForm('/upload', [filePart('file', 'abc')]), 401),
  hostile(
    'a small upload with the wrong part',
    postForm('/upload', [file, field('authToken', TOKEN)]),
    400,
  ),
  ...[`../../${CANARY}`, 'a\r\nX-Smuggled: 1', '\0', '\u202e', '"><script>', 'é'.repeat(600)].map(
    (name, at) =>
      hostile(
        `a small upload with a bad name, number ${at}`,
        postForm('/upload', [
          filePart('file', 'abc', name.replaceAll('"', '%22')),
          field('authToken', TOKEN),
        ]),
      ),
  ),
]
