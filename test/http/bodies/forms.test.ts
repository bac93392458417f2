import { expect, test } from 'vitest'
import { KiB } from '../../../src/lib/units.ts'
import { newUploadId } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

const token = 'token-ann'

async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

/** Parts as they stand in a form, without its boundaries. */
function part(parameters: string, body: string, type?: string): string {
  const line = type === undefined ? '' : `Content-Type: ${type}\r\n`
  return `Content-Disposition: form-data; ${parameters}\r\n${line}\r\n${body}`
}

const field = (name: string, value: string): string => part(`name="${name}"`, value)

function postForm(
  url: string,
  parts: readonly string[],
  contentType = 'multipart/form-data; boundary=b',
  boundary = 'b',
): Promise<Response> {
  const body = [...parts.map((each) => `--${boundary}\r\n${each}\r\n`), `--${boundary}--\r\n`]
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': contentType },
    body: body.join(''),
  })
}

const TOKEN = field('authToken', token)
const FILE = part('name="file"; filename="a.txt"', 'hello')
const CHUNK = part('name="chunk"; filename="blob"', 'hello', 'application/octet-stream')

function chunkFields(changes: Record<string, string> = {}): string[] {
  const fields = {
    uploadId: newUploadId(),
    chunkIndex: '0',
    totalChunks: '1',
    fileName: 'a.txt',
    fileSize: '5',
    authToken: token,
    ...changes,
  }
  return Object.entries(fields).map(([name, value]) => field(name, value))
}

type Refusal = [name: string, parts: string[], status: number, field: string, problem: string]

/** What goes wrong in the same way on both routes; `{file}` is what the route calls its file. */
const SHARED: Refusal[] = [
  ['two files', ['{FILE}', '{FILE}'], 400, '{file}', 'is there twice; one call takes one file'],
  [
    'its file as a field',
    [field('{file}', 'x')],
    400,
    '{file}',
    'came as a field; send it as a file',
  ],
  ['no file', [], 400, '{file}', 'is missing'],
  [
    'another file',
    [part('name="upload"; filename="a"', 'x')],
    400,
    'upload',
    'is not a file of this call, whose file is named {file}',
  ],
  [
    'a field twice',
    ['{FILE}', field('authToken', 'another')],
    400,
    'authToken',
    'is there twice, with other values',
  ],
  ['a field too long', [field('fileName', 'x'.repeat(65 * KiB))], 413, 'fileName', 'is too long'],
  [
    'a field that is no text',
    [part('name="fileName"', '{"a":1}', 'application/json')],
    400,
    'fileName',
    'expected a text or a number in JSON',
  ],
]

const ROUTES = [
  { path: '/upload', file: 'file', filePart: FILE, fields: () => [TOKEN] },
  { path: '/upload-chunk', file: 'chunk', filePart: CHUNK, fields: () => chunkFields() },
]

test.each(
  ROUTES.flatMap((route) => SHARED.map((refusal) => [route.path, ...refusal, route] as const)),
)(
  '%s with %s is refused, and the refusal tells why',
  async (path, _name, parts, status, name, problem, route) => {
    const { url, adapters } = await start()
    const fill = (text: string): string =>
      text.replaceAll('{FILE}', route.filePart).replaceAll('{file}', route.file)

    const answer = await postForm(url + path, [TOKEN, ...parts.map(fill), ...route.fields()])

    expect(answer.status).toBe(status)
    const { error, field: named } = (await answer.json()) as { error: string; field?: string }
    expect({ error, named }).toEqual({
      error: `${fill(name)}: ${fill(problem)}`,
      named: fill(name),
    })
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  },
)

const LONG = 'n'.repeat(1025)

test.each<[path: string, name: string, parts: string[], field: string, problem: string]>([
  ['/upload', 'a long name', [field('fileName', LONG), FILE, TOKEN], 'fileName', '1024 characters'],
  [
    '/upload',
    'a file with a long name',
    [TOKEN, part(`name="file"; filename="${LONG}"`, 'x')],
    'fileName',
    '1024 characters',
  ],
  ['/upload', 'an empty file', [TOKEN, part('name="file"; filename="a"', '')], 'file', 'is empty'],
  ['/upload', 'no file chosen', [TOKEN, part('name="file"; filename=""', '')], 'file', 'is empty'],
  ['/upload', 'an empty token', [FILE, field('authToken', '')], 'authToken', 'is empty'],
  [
    '/upload-chunk',
    'a long name',
    [CHUNK, ...chunkFields({ fileName: LONG })],
    'fileName',
    '1024 characters',
  ],
  ['/upload-chunk', 'no id', [CHUNK, ...chunkFields().slice(1)], 'uploadId', 'is missing'],
  [
    '/upload-chunk',
    'no bytes',
    [part('name="chunk"; filename="b"', ''), ...chunkFields()],
    'chunk',
    'has 0 bytes',
  ],
  [
    '/upload-chunk',
    'a bad type',
    [CHUNK, ...chunkFields({ mimeType: 'film' })],
    'mimeType',
    'type/subtype',
  ],
])('%s with %s is 400 and names the field', async (path, _name, parts, named, problem) => {
  const { url } = await start()

  const answer = await postForm(url + path, parts)

  expect(answer.status).toBe(400)
  expect(await answer.json()).toMatchObject({
    field: named,
    error: expect.stringContaining(problem),
  })
})

test.each<[name: string, type: string, parts: string[], field: string, error: string]>([
  [
    'without a boundary',
    'multipart/form-data',
    [FILE],
    'Content-Type',
    'the boundary of the form is missing',
  ],
  [
    'with an empty boundary',
    'multipart/form-data; boundary=""',
    [FILE],
    'Content-Type',
    'the boundary',
  ],
  ['with another boundary', 'multipart/form-data; boundary=c', [FILE], 'body', 'ends too early'],
  [
    'of 34 parts',
    'multipart/form-data; boundary=b',
    Array(34).fill(field('x', 'y')),
    'body',
    'more than 33 parts',
  ],
  [
    'with a name of 101 characters',
    'multipart/form-data; boundary=b',
    [field('n'.repeat(101), '')],
    'body',
    'too long a name',
  ],
  [
    'with a part that names nothing',
    'multipart/form-data; boundary=b',
    ['X: 1\r\n\r\nx'],
    'body',
    'names no field',
  ],
])('a form %s is 400 and names what is wrong', async (_name, type, parts, named, error) => {
  const { url } = await start()

  for (const path of ['/upload', '/upload-chunk']) {
    const answer = await postForm(url + path, parts, type)

    expect(answer.status).toBe(400)
    expect(await answer.json()).toMatchObject({
      code: 'INVALID_REQUEST',
      field: named,
      error: expect.stringContaining(error),
    })
  }
})

test('a field that is there twice with the same value counts once', async () => {
  const { url, gateway } = await start()

  const answer = await postForm(`${url}/upload`, [TOKEN, FILE, TOKEN])

  expect(answer.status).toBe(200)
  expect(gateway.posted).toHaveLength(1)
})

test('unknown fields are ignored, however often they come', async () => {
  const { url } = await start()
  const tags = Array.from({ length: 20 }, (_, index) => field('tags[]', `${index}`.repeat(9000)))

  expect((await postForm(`${url}/upload`, [...tags, TOKEN, FILE])).status).toBe(200)
})

test.each([
  ['capitals and quotes', 'Multipart/Form-Data; Boundary="a b:c"', 'a b:c'],
  ['other parameters', 'multipart/form-data; charset=utf-8; boundary=b', 'b'],
  ['an escaped boundary', 'multipart/form-data; boundary="a\\"b"', 'a"b'],
])('a form with %s in its type is read', async (_name, type, boundary) => {
  const { url, gateway } = await start()

  const answer = await postForm(`${url}/upload`, [TOKEN, FILE], type, boundary)

  expect(answer.status).toBe(200)
  expect(gateway.posted.map(({ name }) => name)).toEqual(['a.txt'])
})

test.each([
  [
    'as .NET sends it',
    'name=file; filename="=?utf-8?B?0KDQsC5kb2N4?="; filename*=utf-8\'\'%D0%A0%D0%B0.docx',
    'Ра.docx',
  ],
  ['as .NET sends it to old servers', 'name=file; filename="=?utf-8?B?0KDQsC5kb2N4?="', 'Ра.docx'],
  [
    'as mail libraries send it',
    'name="file"; filename*0*=utf-8\'\'%D0%A0; filename*1*=%D0%B0.docx',
    'Ра.docx',
  ],
  ['as browsers send it', `name="file"; filename="say %22hi%22.txt"`, 'say "hi".txt'],
  ['as curl sends it', `name="file"; filename="say \\"hi\\".txt"`, 'say "hi".txt'],
  ['with folders', 'name="file"; filename="..\\\\..\\\\etc/passwd"', 'passwd'],
  ['that is none', 'name="file"; filename=""', 'file'],
])('the name of a file is read %s', async (_name, parameters, expected) => {
  const { url, gateway } = await start()

  const answer = await postForm(`${url}/upload`, [TOKEN, part(parameters, 'x')])

  expect(await answer.json()).toMatchObject({ fileName: expected })
  expect(gateway.posted.map(({ name }) => name)).toEqual([expected])
})

test("the form's fileName wins over the name of its file", async () => {
  const { url, gateway } = await start()
  const named = part('name="file"; filename="a.txt"; filename*=utf-8\'\'b.txt', 'x')

  await postForm(`${url}/upload`, [named, field('fileName', 'c/%22.txt'), TOKEN])
  await postForm(`${url}/upload`, [named, field('fileName', ''), TOKEN])

  expect(gateway.posted.map(({ name }) => name)).toEqual(['c_%22.txt', 'b.txt'])
})

test.each([
  ['text/plain; charset=ISO-8859-1', 'text/plain; charset=ISO-8859-1'],
  ['video/webm;codecs=vp8,opus', 'video/webm'],
  ['TEXT/HTML; charset="utf-8"', 'text/html; charset=utf-8'],
  ['application/octet-stream', 'text/plain'],
  ['nonsense', 'text/plain'],
])('a file with the type %s in its part is %s', async (type, expected) => {
  const { url, gateway } = await start()

  await postForm(`${url}/upload`, [TOKEN, part('name="file"; filename="a.txt"', 'x', type)])

  expect(gateway.posted.map(({ mimeType }) => mimeType)).toEqual([expected])
})

test.each([
  ['text/plain; charset=windows-1251', '\xf4.txt', 'ф.txt'],
  ['text/plain; charset=klingon', 'a.txt', 'a.txt'],
  ['application/json', '"a.txt"', 'a.txt'],
  ['application/json; charset=utf-8', '42', '42'],
])('a field of the type %s is read', async (type, value, expected) => {
  const { url, gateway } = await start()
  const parts = [TOKEN, FILE, part('name="fileName"', value, type)]
  const body = [...parts.map((each) => `--b\r\n${each}\r\n`), '--b--'].join('')

  const answer = await fetch(`${url}/upload`, {
    method: 'POST',
    headers: { 'content-type': 'multipart/form-data; boundary=b' },
    body: Buffer.from(body, 'latin1'),
  })

  expect(answer.status).toBe(200)
  expect(gateway.posted.map(({ name }) => name)).toEqual([expected])
})
