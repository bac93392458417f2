import fc, { type Arbitrary } from 'fast-check'
import {
  BOUNDARY,
  chunkFields,
  field,
  filePart,
  formBody,
  get,
  type Header,
  LINK,
  MESSAGE_ID,
  type Part,
  post,
  postJson,
  type RawRequest,
} from '../requests.ts'
import { mostly, number, rangeHeader, text, token, uploadId } from './values.ts'

/** Requests for every endpoint, well framed, with values of all kinds. */

const JSON_ROUTES = [
  '/init-upload',
  '/complete-upload',
  '/cancel-upload',
  '/tickets',
  '/library/rescan',
  '/library/folders',
  '/library/move',
  '/library/copy',
  '/library/delete',
] as const
const PATHS =
  '/upload-progress/ /upload-status/ /files/ / /download /readyz /metrics /jobs /library /library/ /library/folders /ws/ /docs/'
const METHODS = ['GET', 'GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS', 'PATCH', 'PUT']
const CONDITIONS = ['If-Range', 'If-Match', 'If-None-Match', 'If-Modified-Since', 'Accept']

const jsonValue: Arbitrary<unknown> = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 3, arbitrary: fc.integer() },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
)

const jsonFields = fc.record(
  {
    uploadId,
    fileName: mostly('f.bin'),
    totalChunks: fc.oneof(fc.integer({ min: 1, max: 4 }), number(3)),
    fileSize: fc.oneof(fc.integer({ min: 0, max: 20 }), number(20)),
    messageId: fc.oneof(fc.constant(MESSAGE_ID), number(3)),
    authToken: token,
    mimeType: mostly('text/plain'),
    expiresIn: number(100),
  },
  { requiredKeys: [] },
)

const jsonRequest = fc
  .tuple(
    fc.constantFrom(...JSON_ROUTES),
    jsonFields,
    fc.dictionary(text, jsonValue, { maxKeys: 2 }),
  )
  .map(([route, fields, more]) => postJson(route, { ...fields, ...more }))

const part = (name: string, value: string): Arbitrary<Part> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(field(name, value)) },
    { weight: 1, arbitrary: text.map((other) => field(name, other)) },
    { weight: 1, arbitrary: text.map((other) => field(other, value)) },
    { weight: 1, arbitrary: text.map((head) => ({ head, body: value })) },
    { weight: 1, arbitrary: fc.constant(filePart(name, value)) },
  )

const fieldParts: Arbitrary<Part[]> = fc
  .record({
    uploadId,
    chunkIndex: number(2),
    totalChunks: number(3),
    fileSize: number(9),
    authToken: token,
  })
  .chain((changes) => {
    const fields = Object.entries(chunkFields(changes))
    return fc.tuple(...fields.map(([name, value]) => part(name, value)))
  })

const fileOfForm = fc
  .tuple(
    fc.constantFrom('chunk', 'chunk', 'file'),
    fc.oneof(fc.constant('abc'), fc.string({ maxLength: 40 }), text),
    mostly('blob'),
  )
  .map(([name, bytes, fileName]) => filePart(name, bytes, fileName))

/** The file may stand anywhere among the fields, and the last boundary may be missing. */
const form = fc
  .tuple(fieldParts, fileOfForm, fc.nat({ max: 6 }), fc.boolean())
  .map(([fields, file, at, end]) => {
    return formBody([...fields.slice(0, at), file, ...fields.slice(at)], BOUNDARY, end)
  })

const formRequest = fc
  .tuple(
    fc.constantFrom('/upload-chunk', '/upload-chunk', '/upload'),
    mostly(`multipart/form-data; boundary=${BOUNDARY}`, 10),
    form,
  )
  .map(([route, type, body]) => post(route, type, body))

const downloadRequest = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD'),
    messageId: mostly(String(MESSAGE_ID), 10),
    token: mostly(LINK, 10),
    fileName: fc.option(text),
    range: fc.option(fc.oneof(rangeHeader, text)),
    condition: fc.option(
      fc.tuple(fc.constantFrom(...CONDITIONS), fc.oneof(fc.constant('"1001"'), text)),
    ),
  })
  .map(({ method, fileName, range, condition, ...required }): RawRequest => {
    const named = fileName === null ? {} : { fileName: fileName.toWellFormed() }
    const query = new URLSearchParams({ ...required, ...named })
    const ranges: Header[] = range === null ? [] : [['Range', range]]
    const conditions: Header[] = condition === null ? [] : [condition]
    return { ...get(`/download?${query}`, [...ranges, ...conditions]), method }
  })

const pathRequest = fc
  .tuple(
    fc.constantFrom(...METHODS),
    fc.constantFrom(...PATHS.split(' ')),
    fc.oneof(uploadId, text.map(encodeSafely)),
    token.map(encodeSafely),
  )
  .map(([method, path, id, query]) => ({ ...get(`${path}${id}?token=${query}`), method }))

/** The resumable protocol; that a stream is open already is rare, but not never. */
const tusRequest = fc
  .record({
    method: fc.constantFrom('POST', 'POST', 'PATCH', 'PATCH', 'HEAD', 'DELETE'),
    id: fc.oneof(uploadId.map(encodeSafely), fc.constant('')),
    version: mostly('1.0.0', 10),
    token,
    length: number(9),
    offset: number(3),
    extension: fc.option(
      fc.tuple(
        fc.constantFrom(
          'Upload-Metadata',
          'Upload-Concat',
          'Upload-Checksum',
          'Upload-Defer-Length',
        ),
        fc.oneof(fc.constantFrom('partial', '1', 'filename YQ==', 'sha1 YQ=='), text),
      ),
    ),
    body: fc.string({ maxLength: 9 }),
  })
  .map(({ method, id, version, token, length, offset, extension, body }): RawRequest => {
    const type = 'application/offset+octet-stream'
    const headers: Header[] = [
      ['Tus-Resumable', version],
      ['Authorization', `Bearer ${token}`],
      ['Upload-Length', length],
      ['Upload-Offset', offset],
    ]
    const all = extension === null ? headers : [...headers, extension]
    return { ...post(id === '' ? '/files' : `/files/${id}`, type, body, all), method }
  })

function encodeSafely(value: string): string {
  return encodeURIComponent(value.toWellFormed())
}

export const anyRequest: Arbitrary<RawRequest> = fc.oneof(
  { weight: 3, arbitrary: jsonRequest },
  { weight: 4, arbitrary: formRequest },
  { weight: 2, arbitrary: downloadRequest },
  { weight: 2, arbitrary: tusRequest },
  { weight: 1, arbitrary: pathRequest },
)
