import {
  BOUNDARY,
  CANARY,
  chunkParts,
  field,
  filePart,
  formBody,
  type HostileRequest,
  hostile,
  type Part,
  post,
  postForm,
  toBytes,
} from '../requests.ts'

/** Against multipart forms. */

const ROUTE = '/upload-chunk'
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`
const chunk = (...parts: Part[]) => postForm(ROUTE, parts)
const fields = chunkParts().slice(1)
const file = filePart('chunk', 'abc')
const withHead = (head: string) => chunk({ head, body: 'abc' }, ...fields)
const raw = (body: string | Buffer, type = MULTIPART) => post(ROUTE, type, body)
const disposition = 'Content-Disposition: form-data; name="chunk"'

const TYPES: [name: string, type: string][] = [
  ['no boundary', 'multipart/form-data'],
  ['an empty boundary', 'multipart/form-data; boundary='],
  ['an empty quoted boundary', 'multipart/form-data; boundary=""'],
  ['a boundary of 1,000 characters', `multipart/form-data; boundary=${'b'.repeat(1000)}`],
  ['a boundary with spaces', 'multipart/form-data; boundary="a b c"'],
  ['a boundary that is a pattern', 'multipart/form-data; boundary=(a+)+$'],
  ['a boundary of line ends', 'multipart/form-data; boundary="--"'],
  ['two boundaries', `multipart/form-data; boundary=x; boundary=${BOUNDARY}`],
  ['another multipart', `multipart/mixed; boundary=${BOUNDARY}`],
  ['byteranges', `multipart/byteranges; boundary=${BOUNDARY}`],
  ['an unknown charset', `${MULTIPART}; charset=klingon`],
  ['a type within a type', `multipart/form-data; boundary*=utf-8''${BOUNDARY}`],
]

const HEADS: [name: string, head: string][] = [
  ['no file name', disposition],
  ['an empty file name', `${disposition}; filename=""`],
  ['a path as a file name', `${disposition}; filename="../../../${CANARY}"`],
  ['a NUL in the file name', `${disposition}; filename="a\0b"`],
  ['an encoded file name', `${disposition}; filename*=UTF-8''%2e%2e%2f${CANARY}`],
  ['a broken encoded file name', `${disposition}; filename*=UTF-8''%zz%`],
  ['a file name in an unknown charset', `${disposition}; filename*=klingon''x`],
  ['a line end in the file name', `${disposition}; filename="a\r\nX-Smuggled: 1"`],
  ['a quote that stays open', `${disposition}; filename="abc`],
  ['a file name of 100 KB', `${disposition}; filename="${'x'.repeat(100_000)}"`],
  ['a part header of 100 KB', `${disposition}; filename="b"\r\nX: ${'x'.repeat(100_000)}`],
  [
    '5,000 part headers',
    `${disposition}; filename="b"\r\n${Array.from({ length: 5000 }, (_, n) => `X${n}: 1`).join('\r\n')}`,
  ],
  ['no disposition', 'Content-Type: application/octet-stream'],
  ['another disposition', 'Content-Disposition: attachment; filename="chunk"'],
  ['a name twice', `${disposition}; name="uploadId"; filename="b"`],
  ['no name', 'Content-Disposition: form-data; filename="b"'],
  ['an empty name', 'Content-Disposition: form-data; name=""; filename="b"'],
  ['a base64 part', `${disposition}; filename="b"\r\nContent-Transfer-Encoding: base64`],
  [
    'a quoted-printable part',
    `${disposition}; filename="b"\r\nContent-Transfer-Encoding: quoted-printable`,
  ],
  ['a part type that is no type', `${disposition}; filename="b"\r\nContent-Type: ;;;/`],
  ['a part with a length', `${disposition}; filename="b"\r\nContent-Length: 99999999`],
  ['a folded part header', `${disposition};\r\n filename="b"`],
  ['a head of bytes', '\xff\xfe\0\x01'],
]

const BODIES: [name: string, body: string | Buffer][] = [
  ['nothing', ''],
  ['no part', `--${BOUNDARY}--\r\n`],
  ['only a boundary', `--${BOUNDARY}`],
  ['no final boundary', formBody(chunkParts(), BOUNDARY, false)],
  ['another boundary', formBody(chunkParts(), 'other')],
  ['bare line feeds', formBody(chunkParts()).toString().replaceAll('\r\n', '\n')],
  [
    'a preamble of 100 KB',
    Buffer.concat([Buffer.alloc(100_000, 'p'), Buffer.from('\r\n'), formBody(chunkParts())]),
  ],
  ['an epilogue', Buffer.concat([formBody(chunkParts()), Buffer.alloc(100_000, 'e')])],
  ['a second form behind the end', Buffer.concat([formBody(chunkParts()), formBody(chunkParts())])],
  ['ten thousand empty parts', `--${BOUNDARY}\r\n`.repeat(10_000)],
  ['boundaries that almost match', `--${BOUNDARY.slice(0, -1)}\r\n\r\n`.repeat(2000)],
  ['a part cut in its head', `--${BOUNDARY}\r\nContent-Disp`],
  ['a part cut in its bytes', `--${BOUNDARY}\r\n${disposition}; filename="b"\r\n\r\nabc`],
]

export const formCorpus: HostileRequest[] = [
  ...TYPES.map(([name, type]) => hostile(`a form with ${name}`, raw(formBody(chunkParts()), type))),
  ...HEADS.map(([name, head]) => hostile(`a chunk with ${name}`, withHead(head))),
  ...HEADS.map(([name, head]) =>
    hostile(
      `a small upload with ${name}`,
      postForm('/upload', [
        { head: head.replaceAll('chunk', 'file'), body: 'abc' },
        field('authToken', 'nobody'),
      ]),
    ),
  ),
  ...BODIES.map(([name, body]) => hostile(`a form of ${name}`, raw(body))),
  ...BODIES.map(([name, body]) =>
    hostile(`a small upload of ${name}`, post('/upload', MULTIPART, body)),
  ),
]

/** A good request cut after every one of its bytes, and sent byte by byte. */
export function cutCorpus(): HostileRequest[] {
  const bytes = toBytes(postForm(ROUTE, [file, field('uploadId', 'fuzz_cut')]))
  const cuts = Array.from(
    bytes,
    (_, length): HostileRequest => ({
      name: `a chunk cut after ${length} bytes`,
      pieces: [bytes.subarray(0, length)],
      cut: true,
    }),
  )
  const crumbs = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
  return [...cuts, { name: 'a chunk byte by byte', pieces: crumbs, expected: [400] }]
}
