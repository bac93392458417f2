import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { chunkForm, pollToEnd, postChunk, postJson, sha256 } from '../../helpers/callers/client.ts'
import {
  createTus,
  idIn,
  metadataOf,
  offsetOf,
  patchTus,
  tusHeaders,
} from '../../helpers/callers/tus.ts'
import { createFakeGateway, type FakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { spooledUploads, streamArrives, temporaryFiles } from '../../helpers/storage/spooled.ts'
import { startWorker, type TestWorker, testCredentials } from '../../helpers/worker/app.ts'

const ANN = 'token-ann'
const BEN = 'token-ben'
const STREAM = 'application/offset+octet-stream'

async function startTus(
  env: Record<string, string> = {},
): Promise<TestWorker & { gateway: FakeGateway }> {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials, env })
  return { ...worker, gateway }
}

describe('discovery', () => {
  test('OPTIONS answers with version, extensions, largest size and algorithms', async () => {
    const { url } = await startTus({ MAX_FILE_SIZE: '7MB' })

    const response = await fetch(`${url}/files`, { method: 'OPTIONS' })

    expect(response.status).toBe(204)
    expect(response.headers.get('tus-resumable')).toBe('1.0.0')
    expect(response.headers.get('tus-version')).toBe('1.0.0')
    expect(response.headers.get('tus-max-size')).toBe(String(7 * MiB))
    expect(response.headers.get('tus-extension')?.split(',').toSorted()).toEqual([
      'checksum',
      'concatenation',
      'creation',
      'creation-with-upload',
      'expiration',
      'termination',
    ])
    expect(response.headers.get('tus-checksum-algorithm')).toBe('sha256,sha1,md5')
  })

  test('a preflight of a browser is allowed what tus needs', async () => {
    const { url } = await startTus()

    const response = await fetch(`${url}/files/some-id`, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://app.example',
        'access-control-request-method': 'PATCH',
        'access-control-request-headers': 'tus-resumable,upload-offset,authorization',
      },
    })

    expect(response.status).toBe(204)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-methods')).toContain('PATCH')
    expect(response.headers.get('access-control-allow-headers')?.toLowerCase()).toContain(
      'upload-offset',
    )
  })

  test.each([undefined, '0.2.2'])('Tus-Resumable %s is refused with 412', async (version) => {
    const { url } = await startTus()

    const response = await fetch(`${url}/files`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${ANN}`,
        'upload-length': '10',
        ...(version && { 'tus-resumable': version }),
      },
    })

    expect(response.status).toBe(412)
    expect(response.headers.get('tus-version')).toBe('1.0.0')
    expect(await response.json()).toMatchObject({ code: 'PROTOCOL_VERSION' })
  })
})

describe('creation', () => {
  test('answers 201 with a relative path, whatever an untrusted proxy tells', async () => {
    const { url } = await startTus()

    const response = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders(ANN, {
        'upload-length': '10',
        'x-forwarded-proto': 'https,http',
        'x-forwarded-host': 'worker.example',
      }),
    })

    expect(response.status).toBe(201)
    expect(response.headers.get('location')).toMatch(/^files\/[A-Za-z0-9_-]{20,128}$/)
    expect(response.headers.get('tus-resumable')).toBe('1.0.0')
  })

  test('with impossible headers is refused, and reserves nothing', async () => {
    const { url, adapters } = await startTus({ MAX_FILE_SIZE: '10MB' })
    const length = { 'upload-length': '10' }
    const cases: [Record<string, string>, string | null, number, string][] = [
      [length, null, 401, 'TOKEN_MISSING'],
      [length, 'nonsense', 401, 'TOKEN_REFUSED'],
      [{}, ANN, 400, 'INVALID_REQUEST'],
      [{ 'upload-defer-length': '1' }, ANN, 400, 'INVALID_REQUEST'],
      [{ 'upload-length': '-1' }, ANN, 400, 'INVALID_REQUEST'],
      [{ 'upload-length': '10x' }, ANN, 400, 'INVALID_REQUEST'],
      [{ 'upload-length': '0' }, ANN, 400, 'EMPTY_FILE'],
      [{ 'upload-length': String(11 * MiB) }, ANN, 413, 'FILE_TOO_LARGE'],
      [{ ...length, 'upload-metadata': 'filename ?' }, ANN, 400, 'INVALID_REQUEST'],
      [{ ...length, 'upload-concat': 'half' }, ANN, 400, 'INVALID_REQUEST'],
    ]

    for (const [headers, token, status, code] of cases) {
      const response = await fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(token, headers),
      })
      expect(response.status).toBe(status)
      expect(await response.json()).toMatchObject({ code, error: expect.any(String) })
      expect(response.headers.get('tus-resumable')).toBe('1.0.0')
    }
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  })

  test('a full spool is 507 with Retry-After', async () => {
    const { url } = await startTus({ SPOOL_MAX_BYTES: '1MB' })

    const response = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders(ANN, { 'upload-length': String(2 * MiB) }),
    })

    expect(response.status).toBe(507)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  })

  test('keeps a name in any alphabet, and HEAD returns it unchanged', async () => {
    const { url, gateway } = await startTus()
    const name = 'Отчёт 🎉/../год.pdf'
    const metadata = metadataOf({ name, type: 'application/pdf', caption: 'für dich' })
    const headers = { 'upload-length': '5', 'upload-metadata': metadata, 'content-type': STREAM }

    const uploadId = await createTus(url, ANN, headers, new Uint8Array(Buffer.from('hello')))
    await pollToEnd(url, uploadId)
    const head = await fetch(`${url}/files/${uploadId}`, {
      method: 'HEAD',
      headers: tusHeaders(ANN),
    })

    expect(gateway.posted[0]).toMatchObject({
      name: 'Отчёт 🎉_.._год.pdf',
      mimeType: 'application/pdf',
      bytes: Buffer.from('hello'),
    })
    expect(head.headers.get('upload-metadata')).toBe(metadata)
  })

  test.each([
    ['nothing', '', 'file', null],
    ['nothing but separators', ' , ,', 'file', null],
    [
      'spaces around its pairs',
      'filename YS50eHQ= , filetype dGV4dC9wbGFpbg==,',
      'a.txt',
      undefined,
    ],
    ['a key without a value', 'is_confidential', 'file', 'is_confidential'],
  ])('with %s in its metadata is taken', async (_name, metadata, fileName, told) => {
    const { url } = await startTus()

    const headers = { 'upload-length': '5', 'upload-metadata': metadata }
    const uploadId = await createTus(url, ANN, headers)
    const head = await fetch(`${url}/files/${uploadId}`, {
      method: 'HEAD',
      headers: tusHeaders(ANN),
    })

    const tidied = 'filename YS50eHQ=,filetype dGV4dC9wbGFpbg=='
    expect(head.headers.get('upload-metadata')).toBe(told === undefined ? tidied : told)
    const status = await fetch(`${url}/upload-status/${uploadId}`)
    expect(await status.json()).toMatchObject({ file_name: fileName })
  })

  test('with a wrong header is refused, and the refusal names the header', async () => {
    const { url } = await startTus()
    const length = { 'upload-length': '5' }
    const cases: [string, Record<string, string>][] = [
      ['Upload-Length', {}],
      ['Upload-Length', { 'upload-length': '' }],
      ['Upload-Length', { 'upload-length': '-1' }],
      ['Upload-Length', { 'upload-length': '1.5' }],
      ['Upload-Length', { 'upload-length': '1, 1' }],
      ['Upload-Length', { 'upload-length': '9007199254740993' }],
      ['Upload-Metadata', { ...length, 'upload-metadata': 'filename a,filename b' }],
      ['Upload-Metadata', { ...length, 'upload-metadata': metadataOf({ name: 'x'.repeat(1025) }) }],
      ['Upload-Concat', { ...length, 'upload-concat': 'half' }],
    ]

    for (const [field, headers] of cases) {
      const response = await fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(ANN, headers),
      })
      expect(response.status).toBe(400)
      expect(await response.json()).toMatchObject({
        code: 'INVALID_REQUEST',
        field,
        error: expect.stringContaining(field),
      })
    }
  })

  test('of an empty file is refused, and the refusal names the header', async () => {
    const { url } = await startTus()

    const response = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders(ANN, { 'upload-length': '0' }),
    })

    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ code: 'EMPTY_FILE', field: 'Upload-Length' })
  })

  test('with bytes answers how many it took', async () => {
    const { url } = await startTus()
    const bytes = new Uint8Array(randomBytes(1000))

    const response = await fetch(`${url}/files/`, {
      method: 'POST',
      headers: tusHeaders(ANN, { 'upload-length': '3000', 'content-type': STREAM }),
      body: bytes,
    })

    expect(response.status).toBe(201)
    expect(response.headers.get('upload-offset')).toBe('1000')
    expect(await offsetOf(url, idIn(response.headers.get('location')))).toBe(1000)
  })

  test('that breaks off in its bytes leaves nothing behind', async () => {
    const { url, adapters, dataDir } = await startTus()
    const headers = { ...tusHeaders(ANN, { 'upload-length': '3000' }), 'content-length': '3000' }
    const outgoing = openRequest(`${url}/files`, 'POST', headers)
    outgoing.write(Buffer.alloc(1000))
    const begun = async () =>
      (await adapters.ledger.uploadsInState('receiving')).map(({ id }) => id)
    const [uploadId = ''] = await vi.waitFor(async () => {
      const ids = await begun()
      expect(ids).toHaveLength(1)
      return ids
    })
    await streamArrives(dataDir, uploadId)

    outgoing.destroy()

    await vi.waitFor(async () => expect(await begun()).toEqual([]))
    await vi.waitFor(async () => expect(await spooledUploads(dataDir)).toEqual([]))
  })
})

describe('bytes', () => {
  test('are taken in pieces, and HEAD has the offset', async () => {
    const { url, gateway } = await startTus()
    const bytes = randomBytes(3000)
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })

    const first = await patchTus(url, uploadId, { offset: 0, bytes: bytes.subarray(0, 1234) })
    expect(first.status).toBe(204)
    expect(first.headers.get('upload-offset')).toBe('1234')
    const head = await fetch(`${url}/files/${uploadId}`, {
      method: 'HEAD',
      headers: tusHeaders(ANN),
    })
    expect(head.headers.get('upload-offset')).toBe('1234')
    expect(head.headers.get('upload-length')).toBe('3000')
    expect(head.headers.get('cache-control')).toBe('no-store')
    const last = await patchTus(url, uploadId, { offset: 1234, bytes: bytes.subarray(1234) })
    expect(last.headers.get('upload-offset')).toBe('3000')

    await pollToEnd(url, uploadId)
    expect(gateway.posted[0]?.bytes).toEqual(bytes)
    expect(await offsetOf(url, uploadId)).toBe(3000)
  })

  test('at the wrong offset are refused with 409, which names the right one', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(1000) })

    for (const offset of [0, 999, 1001, 5000]) {
      const response = await patchTus(url, uploadId, { offset, bytes: randomBytes(10) })
      expect(response.status).toBe(409)
      expect(await response.json()).toMatchObject({ code: 'OFFSET_CONFLICT', offset: 1000 })
    }
    expect(await offsetOf(url, uploadId)).toBe(1000)
  })

  test('beyond the length are refused with 413, and none of them is kept', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })

    const response = await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(101) })

    expect(response.status).toBe(413)
    expect(await offsetOf(url, uploadId)).toBe(0)
  })

  test('of another content type, or without an offset, are refused', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })
    const target = `${url}/files/${uploadId}`

    const type = await fetch(target, {
      method: 'PATCH',
      headers: tusHeaders(ANN, { 'upload-offset': '0', 'content-type': 'application/json' }),
      body: '{}',
    })
    const offset = await fetch(target, {
      method: 'PATCH',
      headers: tusHeaders(ANN, { 'content-type': STREAM }),
      body: 'x',
    })

    expect(type.status).toBe(415)
    expect(await type.json()).toMatchObject({ field: 'Content-Type' })
    expect(offset.status).toBe(400)
    expect(await offset.json()).toMatchObject({ field: 'Upload-Offset' })
    for (const wrong of ['', '-1', 'x', '0, 0']) {
      const headers = { 'upload-offset': wrong }
      const refused = await patchTus(url, uploadId, { offset: 0, bytes: Buffer.alloc(1), headers })
      expect(refused.status).toBe(400)
      expect(await refused.json()).toMatchObject({ field: 'Upload-Offset' })
    }
    expect(await offsetOf(url, uploadId)).toBe(0)
  })

  test.each([
    'application/offset+octet-stream; charset=utf-8',
    'Application/Offset+Octet-Stream',
    ' application/offset+octet-stream ;x="a;b"',
  ])('of the type %j are taken, by PATCH and with the creation', async (type) => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })
    const headers = { 'content-type': type }

    const patched = await patchTus(url, uploadId, { offset: 0, bytes: Buffer.alloc(9), headers })
    const created = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders(ANN, { ...headers, 'upload-length': '100' }),
      body: new Uint8Array(9),
    })

    expect(patched.status).toBe(204)
    expect(patched.headers.get('upload-offset')).toBe('9')
    expect(created.status).toBe(201)
    expect(created.headers.get('upload-offset')).toBe('9')
    expect(await offsetOf(url, idIn(created.headers.get('location')))).toBe(9)
  })

  test.each(['text/plain', 'multipart/form-data; boundary=x', 'nonsense', ''])(
    'of the type %j are refused with the creation: they would be lost',
    async (type) => {
      const { url, adapters } = await startTus()

      const response = await fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(ANN, { 'upload-length': '9', 'content-type': type }),
        body: new Uint8Array(9),
      })

      expect(response.status).toBe(415)
      expect(await response.json()).toMatchObject({ code: 'UNSUPPORTED_MEDIA_TYPE' })
      expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
    },
  )

  test('by POST with X-HTTP-Method-Override are the same', async () => {
    const { url } = await startTus()
    const metadata = metadataOf({ filename: 'a.bin' })
    const uploadId = await createTus(url, ANN, {
      'upload-length': '100',
      'upload-metadata': metadata,
    })
    const target = `${url}/files/${uploadId}`
    const override = (method: string) => tusHeaders(ANN, { 'x-http-method-override': method })

    const patched = await fetch(target, {
      method: 'POST',
      headers: { ...override('PATCH'), 'content-type': STREAM, 'upload-offset': '0' },
      body: new Uint8Array(60),
    })
    const head = await fetch(target, { method: 'POST', headers: override('HEAD') })
    const plain = await fetch(target, { method: 'POST', headers: tusHeaders(ANN) })
    const deleted = await fetch(target, { method: 'POST', headers: override('DELETE') })

    expect(patched.headers.get('upload-offset')).toBe('60')
    expect(head.headers.get('upload-offset')).toBe('60')
    expect(head.headers.get('upload-metadata')).toBe(metadata)
    expect(plain.status).toBe(405)
    expect(deleted.status).toBe(204)
  })

  test('that came before the connection broke are kept', async () => {
    const { url, gateway } = await startTus()
    const bytes = randomBytes(8 * MiB)
    const uploadId = await createTus(url, ANN, { 'upload-length': String(bytes.length) })

    await breakOff(url, uploadId, bytes, 6 * MiB)
    // A last piece may be lost in Node's parser, which throws it away with the line.
    const offset = await vi.waitFor(async () => {
      const told = await offsetOf(url, uploadId)
      expect(told).toBeGreaterThan(6 * MiB - 256 * KiB)
      return told
    })
    await patchTus(url, uploadId, { offset, bytes: bytes.subarray(offset) })

    await pollToEnd(url, uploadId)
    expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
  })

  test('of a stalled request are kept when another request takes over the upload', async () => {
    const { url, dataDir } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    const standing = openPatch(url, uploadId, { length: 3000, bytes: Buffer.alloc(1000) })
    await streamArrives(dataDir, uploadId)

    expect(await offsetOf(url, uploadId)).toBe(1000)

    const answer = await standing.answer
    expect(answer.statusCode).toBe(204)
    expect(answer.headers['upload-offset']).toBe('1000')
    expect(answer.headers.connection).toBe('close')
  })

  test('of a sender that is cut because it stalled are kept', async () => {
    const { url } = await startTus({ STALL_SECONDS: '1' })
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    const standing = openPatch(url, uploadId, { length: 3000, bytes: Buffer.alloc(1000) })

    const answer = await standing.answer

    expect(answer.statusCode).toBe(204)
    expect(answer.headers['upload-offset']).toBe('1000')
    expect(await offsetOf(url, uploadId)).toBe(1000)
  })

  test('of two requests at once come from one of them', async () => {
    const { url, gateway } = await startTus()
    const bytes = randomBytes(9 * MiB)
    const uploadId = await createTus(url, ANN, { 'upload-length': String(bytes.length) })

    const both = await Promise.all([
      patchTus(url, uploadId, { offset: 0, bytes }),
      patchTus(url, uploadId, { offset: 0, bytes }),
    ])
    const offset = await offsetOf(url, uploadId)
    if (offset < bytes.length) {
      await patchTus(url, uploadId, { offset, bytes: bytes.subarray(offset) })
    }

    for (const { status } of both) expect([204, 409]).toContain(status)
    await pollToEnd(url, uploadId)
    expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
    expect(gateway.posted).toHaveLength(1)
  })
})

describe('checksums', () => {
  test('by SHA-1, SHA-256 and MD5 that match let the bytes in', async () => {
    const { url, gateway } = await startTus()
    const bytes = randomBytes(7 * MiB)
    const cuts = [0, MiB + 1, bytes.length]
    for (const algorithm of ['sha1', 'sha256', 'md5']) {
      const uploadId = await createTus(url, ANN, { 'upload-length': String(bytes.length) })
      for (const [index, offset] of cuts.slice(0, -1).entries()) {
        const piece = bytes.subarray(offset, cuts[index + 1])
        const digest = createHash(algorithm).update(piece).digest('base64')
        const headers = { 'upload-checksum': `${algorithm} ${digest}` }
        const response = await patchTus(url, uploadId, { offset, bytes: piece, headers })
        expect(response.status).toBe(204)
      }
      await pollToEnd(url, uploadId)
    }

    expect(gateway.posted.map((posted) => sha256(posted.bytes))).toEqual(
      Array(3).fill(sha256(bytes)),
    )
  })

  test('that do not match are answered 460, and nothing of the request is kept', async () => {
    const { url, dataDir } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': String(20 * MiB) })
    await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(1000) })

    const response = await patchTus(url, uploadId, {
      offset: 1000,
      bytes: randomBytes(12 * MiB),
      headers: { 'upload-checksum': `sha1 ${createHash('sha1').digest('base64')}` },
    })

    expect(response.status).toBe(460)
    expect(await response.json()).toMatchObject({ code: 'CHECKSUM_MISMATCH' })
    expect(await offsetOf(url, uploadId)).toBe(1000)
    expect(await temporaryFiles(dataDir)).toEqual([])
  })

  test('in an unknown algorithm, or malformed, are refused', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })

    for (const value of ['crc32 AAAAAA==', 'sha1', 'sha1 ???', 'toString AAAA']) {
      const headers = { 'upload-checksum': value }
      const response = await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(9), headers })
      expect(response.status).toBe(400)
    }
    expect(await offsetOf(url, uploadId)).toBe(0)
  })

  test('a creation whose bytes do not match makes no upload', async () => {
    const { url, adapters } = await startTus()
    const headers = {
      'upload-length': '100',
      'content-type': STREAM,
      'upload-checksum': `sha1 ${createHash('sha1').digest('base64')}`,
    }

    const response = await fetch(`${url}/files`, {
      method: 'POST',
      headers: tusHeaders(ANN, headers),
      body: new Uint8Array(50),
    })

    expect(response.status).toBe(460)
    expect(await adapters.ledger.uploadsInState('receiving')).toEqual([])
  })
})

describe('owners', () => {
  test('HEAD, PATCH and DELETE answer another user with 404', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })

    for (const method of ['HEAD', 'PATCH', 'DELETE']) {
      const response = await fetch(`${url}/files/${uploadId}`, {
        method,
        headers: tusHeaders(BEN, { 'upload-offset': '0', 'content-type': STREAM }),
        ...(method === 'PATCH' && { body: 'abc' }),
      })
      expect(response.status).toBe(404)
    }
    expect(await offsetOf(url, uploadId, ANN)).toBe(0)
  })

  test.each<[string, Record<string, string>]>([
    ['HEAD', {}],
    ['PATCH', { 'upload-offset': '0', 'content-type': STREAM }],
    ['DELETE', {}],
    ['POST', { 'x-http-method-override': 'PATCH', 'upload-offset': '0', 'content-type': STREAM }],
  ])(
    '%s with the id alone is refused, although other calls work with it',
    async (method, headers) => {
      const { url, dataDir } = await startTus()
      const uploadId = await createTus(url, ANN, { 'upload-length': '10' })

      const response = await fetch(`${url}/files/${uploadId}?token=${ANN}`, {
        method,
        headers: tusHeaders(null, headers),
        ...(headers['content-type'] && { body: 'abc' }),
      })

      expect(response.status).toBe(401)
      if (method !== 'HEAD') {
        expect(await response.json()).toEqual({
          code: 'TOKEN_MISSING',
          error: 'Authorization: a token is needed in each request of a tus upload',
          field: 'Authorization',
        })
      }
      expect(await offsetOf(url, uploadId)).toBe(0)
      expect(await spooledUploads(dataDir)).toEqual([])
    },
  )

  test.each([
    ['of another user', BEN, 404],
    ['that is refused', 'guess', 401],
  ])('a token %s does not end the request that sends the bytes', async (_name, token, status) => {
    const { url, dataDir } = await startTus()
    const headers = { 'upload-length': '3000', 'upload-concat': 'partial' }
    const uploadId = await createTus(url, ANN, headers)
    const standing = openPatch(url, uploadId, { length: 3000, bytes: Buffer.alloc(1000) })
    await streamArrives(dataDir, uploadId)

    const answers = await Promise.all([
      fetch(`${url}/files/${uploadId}`, { method: 'HEAD', headers: tusHeaders(token) }),
      patchTus(url, uploadId, { offset: 0, bytes: Buffer.alloc(1), token }),
      fetch(`${url}/files/${uploadId}`, { method: 'DELETE', headers: tusHeaders(token) }),
      fetch(`${url}/files`, {
        method: 'POST',
        headers: tusHeaders(token, { 'upload-concat': `final;/files/${uploadId}` }),
      }),
    ])
    standing.outgoing.end(Buffer.alloc(2000))

    expect(answers.map((answer) => answer.status)).toEqual(Array(4).fill(status))
    const answer = await standing.answer
    expect(answer.statusCode).toBe(204)
    expect(answer.headers['upload-offset']).toBe('3000')
  })

  test('an unknown id is 404', async () => {
    const { url } = await startTus()

    await expect(offsetOf(url, 'never-made', ANN)).rejects.toThrow('404')
  })
})

describe('beside the other endpoints', () => {
  test('progress, status and cancel work on the last segment of its URL', async () => {
    const { url, adapters } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': String(12 * MiB) })
    await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(6 * MiB) })

    const progress = await fetch(`${url}/upload-progress/${uploadId}`)
    const status = await fetch(`${url}/upload-status/${uploadId}`)
    expect(await progress.json()).toMatchObject({ uploadId, status: 'uploading' })
    expect(await status.json()).toMatchObject({ total_chunks: 3, received_chunk_indices: [0] })

    const cancelled = await postJson(`${url}/cancel-upload`, { uploadId })
    expect(cancelled.status).toBe(200)
    await expect(offsetOf(url, uploadId)).rejects.toThrow('410')
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
  })

  test('a cancel ends the request that sends the bytes', async () => {
    const { url, dataDir } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    const standing = openPatch(url, uploadId, { length: 3000, bytes: Buffer.alloc(1000) })
    await streamArrives(dataDir, uploadId)

    await postJson(`${url}/cancel-upload`, { uploadId })
    standing.outgoing.end(Buffer.alloc(2000))

    expect((await standing.answer).statusCode).toBe(410)
    expect(await spooledUploads(dataDir)).toEqual([])
  })

  test('a chunk in a form is refused for a tus upload', async () => {
    const { url } = await startTus()
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })

    const response = await postChunk(url, {
      uploadId,
      chunkIndex: 0,
      totalChunks: 1,
      fileName: 'file',
      fileSize: 100,
      authToken: ANN,
      chunk: randomBytes(100),
    })

    expect(response.status).toBe(409)
  })

  test('an upload in chunks does not exist for tus', async () => {
    const { url } = await startTus()
    const form = { uploadId: 'chunked', chunkIndex: 0, totalChunks: 2, fileName: 'f' }
    const chunk = { ...form, fileSize: 2000, authToken: ANN, chunk: randomBytes(1000) }
    await fetch(`${url}/upload-chunk`, { method: 'POST', body: chunkForm(chunk) })

    await expect(offsetOf(url, 'chunked', ANN)).rejects.toThrow('404')
  })
})

describe('the end', () => {
  test('DELETE frees the disk, also while the file is sent to Telegram', async () => {
    const { url, gateway, adapters, dataDir } = await startTus()
    const sending = Promise.withResolvers<void>()
    gateway.beforeFinish = ({ signal }) => {
      sending.resolve()
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason)),
      )
    }
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(3000) })
    await sending.promise

    const response = await fetch(`${url}/files/${uploadId}`, {
      method: 'DELETE',
      headers: tusHeaders(ANN),
    })

    expect(response.status).toBe(204)
    await expect(offsetOf(url, uploadId)).rejects.toThrow('410')
    expect((await adapters.ledger.reservations()).reservedBytes).toBe(0)
    expect(await spooledUploads(dataDir)).toEqual([])
    expect(gateway.posted).toEqual([])
  })

  test('Upload-Expires is sent while bytes are missing', async () => {
    const { url } = await startTus({ SESSION_TTL: '60' })
    const before = Date.now()
    const uploadId = await createTus(url, ANN, { 'upload-length': '3000' })
    const patched = await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(100) })
    const expires = Date.parse(patched.headers.get('upload-expires') ?? '')
    expect(expires).toBeGreaterThan(before + 58_000)
    expect(expires).toBeLessThan(Date.now() + 61_000)
  })

  test('until its first byte an upload expires after ten minutes, and Upload-Expires says so', async () => {
    const { url } = await startTus({ SESSION_TTL: '86400' })
    const hours = (response: Response): number =>
      (Date.parse(response.headers.get('upload-expires') ?? '') - Date.now()) / 3_600_000
    const headers = tusHeaders(ANN, { 'upload-length': '3000' })

    const created = await fetch(`${url}/files`, { method: 'POST', headers })
    const uploadId = created.headers.get('location')?.split('/').at(-1) ?? ''
    const patched = await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(100) })

    expect(created.status).toBe(201)
    expect(hours(created)).toBeCloseTo(1 / 6, 2)
    expect(hours(patched)).toBeCloseTo(24, 1)
  })

  test('an upload that failed does not exist any more', async () => {
    const { url, gateway } = await startTus()
    gateway.beforeFinish = async () => {
      throw new Error('no')
    }
    const uploadId = await createTus(url, ANN, { 'upload-length': '100' })
    await patchTus(url, uploadId, { offset: 0, bytes: randomBytes(100) })
    await pollToEnd(url, uploadId)

    await expect(offsetOf(url, uploadId)).rejects.toThrow('410')
  })
})

/** A request whose body is written by hand. */
function openRequest(url: string, method: string, headers: Record<string, string>): ClientRequest {
  const all = { 'content-type': STREAM, ...headers }
  const outgoing = request(url, { method, headers: all, agent: false })
  outgoing.on('error', () => {})
  outgoing.flushHeaders()
  return outgoing
}

/** A PATCH that announces more than it sends, and stalls; its answer comes later. */
function openPatch(
  url: string,
  uploadId: string,
  { length, bytes }: { length: number; bytes: Buffer },
): { outgoing: ClientRequest; answer: Promise<IncomingMessage> } {
  const outgoing = openRequest(`${url}/files/${uploadId}`, 'PATCH', {
    ...tusHeaders(ANN, { 'upload-offset': '0' }),
    'content-length': String(length),
  })
  outgoing.write(bytes)
  const answer = once(outgoing, 'response').then(([response]: IncomingMessage[]) => {
    if (!response) throw new Error('no answer')
    return response.resume()
  })
  return { outgoing, answer }
}

/** A PATCH of all the bytes whose connection breaks after some of them. */
async function breakOff(url: string, uploadId: string, bytes: Buffer, after: number) {
  const { hostname, port } = new URL(url)
  const head = [
    `PATCH /files/${uploadId} HTTP/1.1`,
    `Host: ${hostname}`,
    `Tus-Resumable: 1.0.0`,
    `Authorization: Bearer ${ANN}`,
    `Upload-Offset: 0`,
    `Content-Type: ${STREAM}`,
    `Content-Length: ${bytes.length}`,
  ]
  const socket = connect({ host: hostname, port: Number(port) })
  socket.write(`${head.join('\r\n')}\r\n\r\n`)
  socket.end(bytes.subarray(0, after))
  await once(socket.resume(), 'close')
}
