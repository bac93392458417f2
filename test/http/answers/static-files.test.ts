import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readStaticFiles } from '../../../src/http/answers/static-files.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

async function folder(names: string[]): Promise<string> {
  const dir = await makeTempDir()
  for (const name of names) await writeFile(join(dir, name), `bytes of ${name}`)
  return dir
}

test.each([
  ['br, gzip', 'bytes of a.js.br', 'br'],
  ['gzip', 'bytes of a.js.gz', 'gzip'],
  ['br;q=0, gzip;q=0.5', 'bytes of a.js.gz', 'gzip'],
  ['identity', 'bytes of a.js', undefined],
  [undefined, 'bytes of a.js', undefined],
])('Accept-Encoding %s gets %s', async (accepted, body, encoding) => {
  const files = await readStaticFiles(await folder(['a.js', 'a.js.br', 'a.js.gz']))

  const answer = await files.find('a.js', accepted)

  expect(answer?.body.toString()).toBe(body)
  expect(answer?.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    vary: 'Accept-Encoding',
    etag: expect.stringMatching(/^"[\w-]{43}"$/),
  })
  expect(answer?.headers['content-encoding']).toBe(encoding)
})

test('all readers of a file share the same bytes, not copies', async () => {
  const files = await readStaticFiles(await folder(['a.css']))

  const answers = await Promise.all([1, 2, 3].map(() => files.find('a.css')))

  expect(new Set(answers.map((answer) => answer?.body)).size).toBe(1)
})

test.each(['b.css', '../a.css', 'toString', ''])('there is no file %j', async (name) => {
  const files = await readStaticFiles(await folder(['a.css']))

  expect(await files.find(name)).toBeNull()
})

test.each([
  '/docs/json',
  '/docs/yaml',
  '/docs/static/swagger-ui.css',
  '/docs/static/%73wagger-ui.css',
])('%s is not sent again to a caller that has it', async (path) => {
  const { url } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  const whole = await fetch(url + path)
  const head = await fetch(url + path, { method: 'HEAD' })
  const etag = String(whole.headers.get('etag'))

  const again = await fetch(url + path, { headers: { 'if-none-match': `"x", W/${etag}` } })
  const other = await fetch(url + path, { headers: { 'if-none-match': '"x"' } })

  expect([whole.status, head.status, again.status, other.status]).toEqual([200, 200, 304, 200])
  expect(head.headers.get('content-length')).toBe(whole.headers.get('content-length'))
  expect(await other.text()).toBe(await whole.text())
})
