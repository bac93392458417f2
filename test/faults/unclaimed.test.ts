import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

test('a sender whose bytes do not fit is refused within ten seconds, while its body stalls', async () => {
  const { url, dataDir } = await startWorker({
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  const holders = Array.from({ length: 4 }, () => standStill(url))
  const temporary = join(dataDir, 'spool', 'tmp')
  await vi.waitFor(async () => expect(await readdir(temporary)).toHaveLength(4))
  const startedAt = performance.now()

  const [answer]: IncomingMessage[] = await once(standStill(url), 'response')
  const seconds = (performance.now() - startedAt) / 1000

  expect([answer?.statusCode, answer && (await json(answer))]).toEqual([
    503,
    expect.objectContaining({ code: 'BUSY' }),
  ])
  // And a machine that is busy.
  expect(seconds).toBeLessThan(15)
  for (const holder of holders) holder.destroy()
})

/** A chunk whose file comes first, so that its user is not known yet. */
function standStill(url: string): ClientRequest {
  const sending = request(`${url}/upload-chunk`, {
    method: 'POST',
    agent: false,
    headers: {
      'content-type': 'multipart/form-data; boundary=x',
      'content-length': MiB,
    },
  })
  sending.on('error', () => {})
  sending.write(
    '--x\r\nContent-Disposition: form-data; name="chunk"; filename="blob"\r\n' +
      'Content-Type: application/octet-stream\r\n\r\nbytes',
  )
  return sending
}
