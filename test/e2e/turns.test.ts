import { expect, onTestFinished, test, vi } from 'vitest'
import { postJson, sendChunks } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

/** A gateway that posts nothing until it is opened. */
function createShutGateway() {
  const gateway = createFakeGateway()
  const { promise: opened, resolve: open } = Promise.withResolvers<void>()
  const asked: string[] = []
  gateway.beforeFinish = async ({ file, signal }) => {
    asked.push(file.name)
    const left = new Promise((_resolve, reject) =>
      signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
    )
    await Promise.race([opened, left])
  }
  onTestFinished(() => open())
  const posted = () => gateway.posted.map(({ name }) => name)
  return { gateway, open, asked, posted }
}

function start(gateway: ReturnType<typeof createFakeGateway>, dataDir?: string) {
  return startWorker({
    env: { MAX_CONCURRENT_UPLOADS: '1' },
    gateway,
    credentials: testCredentials,
    ...(dataDir !== undefined && { dataDir }),
  })
}

async function complete(url: string, user: string, fileName: string): Promise<void> {
  const sent = await sendChunks(url, fileName, Buffer.from(fileName), { token: `token-${user}` })
  await postJson(`${url}/complete-upload`, { uploadId: sent.uploadId })
}

const TEN = Array.from({ length: 10 }, (_, index) => `ann-${index}`)

test('ten files of one user do not hold up the first of another', async () => {
  const { gateway, open, asked, posted } = createShutGateway()
  const { url } = await start(gateway)
  for (const name of TEN) await complete(url, 'ann', name)
  await vi.waitFor(() => expect(asked).toEqual(['ann-0']))
  await complete(url, 'bob', 'bob-0')
  await complete(url, 'cleo', 'cleo-0')

  open()

  await vi.waitFor(() => expect(posted()).toHaveLength(12))
  expect(posted()).toEqual(['ann-0', 'bob-0', 'cleo-0', ...TEN.slice(1)])
})

test('ten files of one user do not hold up the first of another after a restart', async () => {
  const dataDir = await makeTempDir()
  const before = createShutGateway()
  const first = await start(before.gateway, dataDir)
  for (const name of TEN) await complete(first.url, 'ann', name)
  await complete(first.url, 'bob', 'bob-0')
  await complete(first.url, 'bob', 'bob-1')
  await first.close()
  const after = createShutGateway()
  after.open()

  await start(after.gateway, dataDir)

  await vi.waitFor(() => expect(after.posted()).toHaveLength(12))
  expect(after.posted().slice(0, 5)).toEqual(['ann-0', 'bob-0', 'ann-1', 'bob-1', 'ann-2'])
})
