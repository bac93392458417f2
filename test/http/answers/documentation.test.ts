import { readFileSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { newUploadId, postChunk, postJson } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'
import { type ApiSchema, operationsOf, pointer } from '../../openapi/document.ts'
import { createValidators } from '../../openapi/judge.ts'
import { servedDocument } from '../../openapi/served.ts'

/** The document that the worker serves about itself. */

test('the document is OpenAPI 3.1 with this version, in JSON and YAML, readable by every origin', async () => {
  const { url } = await start()

  const json = await fetch(`${url}/docs/json`, { headers: { origin: 'https://drive.example' } })
  const yaml = await fetch(`${url}/docs/yaml`)

  expect(await json.json()).toMatchObject({
    openapi: '3.1.0',
    info: { title: 'TeleStore Worker', version: packageVersion() },
  })
  expect(json.headers.get('access-control-allow-origin')).toBe('*')
  expect(await yaml.text()).toMatch(/^openapi: 3\.1\.0\n/)
})

test('the page of /docs loads scripts and styles of its own origin only, and may not be framed', async () => {
  const { url } = await start()

  const page = await fetch(`${url}/docs`)
  const policy = page.headers.get('content-security-policy')

  expect(await page.text()).toContain('/docs/static/swagger-ui-bundle.js')
  expect(policy).toContain("script-src 'self';")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe|https:|\*/)
})

test('the document has every call that the root names, and none that only instances use', async () => {
  const { url } = await start()
  const { endpoints } = (await (await fetch(url)).json()) as { endpoints: string[] }
  const document = await servedDocument()
  const listed = operationsOf(document).map(({ method, path }) => `${method.toUpperCase()} ${path}`)

  const missing = endpoints
    .map((each) => each.replace(/^WS /, 'GET '))
    .filter((each) => !listed.includes(each) && each !== 'GET /docs')
  expect(missing).toEqual([])
  expect(Object.keys(document.paths).filter((path) => /hand-over|assets|docs/.test(path))).toEqual(
    [],
  )
})

test('every call has a name of its own, a summary, a known tag and an answer', async () => {
  const document = await servedDocument()
  const operations = operationsOf(document)
  const names = operations.map(({ operation }) => operation.operationId)
  const tags = document.tags.map(({ name }) => name)

  expect(new Set(names).size).toBe(operations.length)
  for (const { operation } of operations) {
    expect(operation.operationId).toMatch(/^[a-z]\w+$/i)
    expect(operation.summary).toMatch(/\S/)
    expect([operation.operationId, operation.description]).toEqual([
      operation.operationId,
      expect.stringMatching(/\S/),
    ])
    expect(tags).toContain(operation.tags?.[0])
    expect(Object.keys(operation.responses).some((status) => /^[12]/.test(status))).toBe(true)
    expect(operation.responses[400]).toBeDefined()
    expect(JSON.stringify(operation)).not.toMatch(/"x-(refusals|headers|optional-body)"/)
  }
})

test('every variable part of a path is a parameter with a description', async () => {
  for (const { path, operation } of operationsOf(await servedDocument())) {
    const parameters = operation.parameters ?? []
    const inPath = parameters.filter((each) => each.in === 'path')
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)

    expect(inPath.map(({ name }) => name).sort()).toEqual(names.sort())
    expect(inPath.every(({ required }) => required)).toBe(true)
    for (const { name, description, example } of parameters) {
      expect([path, name, description ?? null]).toEqual([path, name, expect.stringMatching(/\S/)])
      expect([path, name, example ?? null]).toEqual([path, name, expect.anything()])
    }
  }
})

test('every reference has a target', async () => {
  const document = await servedDocument()
  const references = [...walk(document)].flatMap(({ part }) => part.$ref ?? [])

  expect(references.length).toBeGreaterThan(100)
  expect(references.filter((each) => resolve(document, String(each)) === undefined)).toEqual([])
})

test('every field of requests and answers has a description and an example', async () => {
  const bare: string[] = []
  for (const { place, part } of walk(await servedDocument())) {
    for (const [name, field] of Object.entries((part.properties ?? {}) as Fields)) {
      const described = /\S/.test(String(field.description ?? '')) && Array.isArray(field.examples)
      if (!described) bare.push([...place, name].join('/'))
    }
  }
  expect(bare).toEqual([])
})

test('every number and text that a caller sends has the limits that the worker checks', async () => {
  const unbounded: string[] = []
  let count = 0
  for (const { path, method, operation } of operationsOf(await servedDocument())) {
    const { parameters = [], requestBody } = operation
    for (const { place, part } of walk({ parameters, requestBody })) {
      count++
      if (!isBounded(part)) unbounded.push([method, path, ...place].join('/'))
    }
  }
  expect(count).toBeGreaterThan(150)
  expect(unbounded).toEqual([])
})

test('every number in an answer has a minimum', async () => {
  const bare: string[] = []
  for (const { place, part } of walk(await servedDocument())) {
    const isNumber = typesOf(part).some((type) => type === 'integer' || type === 'number')
    if (isNumber && part.enum === undefined && part.minimum === undefined) {
      bare.push(place.join('/'))
    }
  }
  expect(bare).toEqual([])
})

test.each([
  [0, 400],
  [1, 200],
  [53_687_091_200, 200],
  [4_096 * 4_194_304_000 + 1, 413],
])('a fileSize of %s is answered with %s, as the document says', async (fileSize, status) => {
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
    // Of what the operator allows beyond Telegram's most, Telegram's is what counts.
    env: { MAX_FILE_SIZE: '1000000GB', SPOOL_MAX_BYTES: '1000GB' },
  })
  const validate = createValidators(await servedDocument())
  const field = pointer(
    'paths',
    '/init-upload',
    'post',
    'requestBody',
    'content',
    'application/json',
    'schema',
    'properties',
    'fileSize',
  )

  const answer = await postJson(`${url}/init-upload`, {
    uploadId: newUploadId(),
    fileName: 'a.bin',
    totalChunks: Math.max(1, Math.min(fileSize, 16_384)),
    fileSize,
    authToken: 'token-ann',
  })

  expect(answer.status).toBe(status)
  expect([validate(field)(fileSize), validate(field)(String(fileSize))]).toEqual([
    status === 200,
    status === 200,
  ])
})

function typesOf({ type }: ApiSchema): unknown[] {
  return [type].flat()
}

function isBounded(part: ApiSchema): boolean {
  if (part.enum !== undefined || part.const !== undefined) return true
  const types = typesOf(part)
  const isNumber = types.includes('integer') || types.includes('number')
  if (isNumber) return part.minimum !== undefined && part.maximum !== undefined
  // A file has the length of its request; `format` and `pattern` say more than a length.
  const bounds = [part.maxLength, part.pattern, part.format, part.contentEncoding]
  return !types.includes('string') || bounds.some((bound) => bound !== undefined)
}

test('every example matches its schema', async () => {
  const document = await servedDocument()
  const validate = createValidators(document)
  const wrong: unknown[] = []
  let count = 0
  function check(place: string[], example: unknown): void {
    count++
    if (!validate(pointer(...place))(example)) wrong.push([place.join('/'), example])
  }

  for (const { place, part } of walk(document)) {
    const { schema, example, examples = [] } = part
    if (Array.isArray(examples)) for (const each of examples) check(place, each)
    else if (schema) {
      for (const { value } of Object.values(examples as Record<string, { value: unknown }>)) {
        check([...place, 'schema'], value)
      }
    }
    if (schema && example !== undefined) check([...place, 'schema'], example)
  }

  expect(wrong).toEqual([])
  expect(count).toBeGreaterThan(300)
})

test('messages on the socket match their schemas', async () => {
  const { url } = await start()
  const document = await servedDocument()
  const validate = createValidators(document)
  const messages = document.paths['/ws/{userId}']?.get?.['x-messages']
  const heard: unknown[] = []
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/ann?token=token-ann`)
  socket.onmessage = ({ data }) => void heard.push(JSON.parse(String(data)))
  await new Promise((resolve) => socket.addEventListener('open', resolve))

  socket.send('{"type":"ping"}')
  const uploadId = newUploadId()
  const form = {
    uploadId,
    chunkIndex: 0,
    totalChunks: 2,
    fileName: 'a',
    fileSize: 9,
    authToken: 'token-ann',
  }
  await postChunk(url, { ...form, chunk: Buffer.from('12345') })
  await fetch(`${url}/cancel-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ uploadId }),
  })

  await vi.waitFor(() => expect(JSON.stringify(heard)).toContain('cancelled'))
  const fits = (message: unknown) => messages?.worker.some(({ $ref }) => validate($ref)(message))
  expect(heard.filter((message) => !fits(message))).toEqual([])
  expect(heard.length).toBeGreaterThan(1)
  socket.close()
})

type Fields = Record<string, ApiSchema>

function start() {
  return startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
}

/** Every object in the document but examples, with its path. */
function* walk(
  part: unknown,
  place: string[] = [],
): Generator<{ place: string[]; part: ApiSchema }> {
  if (typeof part !== 'object' || part === null) return
  if (!Array.isArray(part)) yield { place, part: part as ApiSchema }
  for (const [name, inner] of Object.entries(part)) {
    if (name !== 'examples' && name !== 'example') yield* walk(inner, [...place, name])
  }
}

function resolve(document: object, reference: string): unknown {
  const segments = reference.slice(2).split('/').map(decodeURIComponent)
  return segments.reduce<unknown>((part, name) => part && Reflect.get(part, name), document)
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  return JSON.parse(text).version
}
