import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { newUploadId, postChunk, uploadFile } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { runCommand, runHere } from './command.ts'

const token = 'token-ann'
const env = (url: string) => ({ TELESTORE_URL: url, TELESTORE_TOKEN: token })

async function start() {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  return worker.url
}

test('a worker that is ready says so', async () => {
  const url = await start()

  const plain = await runCommand(['status'], { url })
  const json = await runHere(['status', '--json'], { TELESTORE_URL: url })

  expect(plain.code).toBe(0)
  expect(plain.lines[0]).toBe(`${url} is ready`)
  expect(plain.lines).toContain('  ✔ spool')
  expect(JSON.parse(json.lines[0] ?? '')).toMatchObject({ url, ready: true })
})

test('a worker that is not ready is shown with the reason, and the command fails', async () => {
  const url = await serve({
    '/health': [200, { status: 'ok' }],
    '/readyz': [
      503,
      {
        status: 'not ready',
        dependencies: { spool: { ready: true }, telegram: { ready: false, reason: 'is down' } },
      },
    ],
    '/jobs?limit=20': [
      200,
      { jobs: [{ uploadId: 'u1', status: 'uploading', progress: 40, fileName: 'a' }] },
    ],
  })

  const { code, lines } = await runHere(['status'], env(url))

  expect(code).toBe(1)
  expect(lines).toEqual([
    `${url} is alive, but not ready`,
    '  ✔ spool',
    '  ✖ telegram: is down',
    '  u1  uploading  16 % in Telegram  a',
  ])
})

test('the uploads of a token are listed, and without a token none are', async () => {
  const url = await start()
  const { uploadId } = await uploadFile(url, 'a.bin', Buffer.from('abc'), { token })

  const mine = await runHere(['status'], env(url))
  const stranger = await runHere(['status'], { TELESTORE_URL: url })
  const refused = await runHere(['status'], { TELESTORE_URL: url, TELESTORE_TOKEN: 'no' })

  expect(mine.lines.at(-1)).toBe(`  ${uploadId}  completed  message 1  a.bin`)
  expect(stranger).toMatchObject({ code: 0, stderr: '' })
  expect(refused).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('Your uploads cannot be listed: The token is not valid'),
  })
})

test('the status of one upload goes from its chunks to its message', async () => {
  const url = await start()
  const uploadId = newUploadId()
  const form = { uploadId, totalChunks: 3, fileName: 'half.bin', fileSize: 6, authToken: token }
  await postChunk(url, { ...form, chunkIndex: 1, chunk: Buffer.from('ab') })
  const whole = await uploadFile(url, 'whole.bin', Buffer.from('abc'), { token })

  const half = await runHere(['status', uploadId], env(url))
  const done = await runHere(['status', '--json', whole.uploadId], env(url))
  const unknown = await runHere(['status', 'unknown'], env(url))

  expect(half.lines).toEqual(['half.bin: 1 of 3 chunks are at the worker, 0 % in Telegram'])
  expect(JSON.parse(done.lines[0] ?? '')).toMatchObject({ status: 'completed', messageId: 1 })
  expect(unknown).toMatchObject({ code: 1, stderr: expect.stringContaining('not found') })
})

test('an address where another server answers is an error', async () => {
  const url = await serve({})

  const { code, stderr } = await runHere(['status'], env(url))

  expect(code).toBe(1)
  expect(stderr).toContain('does not answer as a worker does (status 404)')
})

async function serve(answers: Record<string, [number, object]>): Promise<string> {
  const server = createServer((request, response) => {
    const answer = answers[request.url ?? '']
    if (!answer) return void response.writeHead(404).end('<html>nothing</html>')
    response.writeHead(answer[0], { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer[1]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
