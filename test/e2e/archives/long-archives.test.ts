import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { createPoster } from '../../helpers/peers/large-file.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess } from '../../helpers/worker/worker-process.ts'

const MAIN = { authorization: 'Bearer main' }

async function upload(url: string, name: string, bytes: Buffer): Promise<void> {
  const form = new FormData()
  form.append('fileName', name)
  form.append('folder', '/Trip')
  form.append('file', new Blob([Uint8Array.from(bytes)]), name)
  const answer = await fetch(`${url}/upload`, { method: 'POST', headers: MAIN, body: form })
  expect(answer.status).toBe(200)
}

test('after the death of the worker an archive that was begun goes on with the same bytes', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const worker = await startWorkerProcess(telegram, dataDir)
  for (const name of ['a', 'b']) await upload(worker.url, `${name}.bin`, randomBytes(MiB + 7))
  const begun = await fetch(`${worker.url}/archive?folder=/Trip`, { headers: MAIN })
  const whole = Buffer.from(await begun.arrayBuffer())
  await upload(worker.url, 'c.bin', randomBytes(10))
  await worker.stop('SIGKILL')

  const next = await startWorkerProcess(telegram, dataDir)
  const headers = { ...MAIN, range: 'bytes=1000000-' }
  const rest = await fetch(`${next.url}/archive?folder=/Trip`, { headers })

  expect([rest.status, rest.headers.get('etag')]).toEqual([206, begun.headers.get('etag')])
  expect(Buffer.from(await rest.arrayBuffer()).equals(whole.subarray(1_000_000))).toBe(true)
})

test('a file of several volumes is one file in an archive', async () => {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir())
  const bytes = randomBytes(700 * KiB)
  const post = createPoster(telegram)
  const { messageId } = await post.postLargeFile({ bytes, volumeBytes: 300 * KiB })
  await vi.waitFor(async () => {
    const found = await fetch(`${worker.url}/library/${messageId}`, { headers: MAIN })
    expect(await found.json()).toMatchObject({ size: bytes.length })
  })

  const answer = await fetch(`${worker.url}/archive?items=${messageId}`, { headers: MAIN })

  const zip = Buffer.from(await answer.arrayBuffer())
  expect(answer.headers.get('content-length')).toBe(String(zip.length))
  expect([...readZip(zip).values()]).toEqual([bytes])
})

test('a file that is deleted in Telegram while an archive is under way ends it, and is named', async () => {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir(), { BLOCK_CACHE_BYTES: '0' })
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    await upload(worker.url, `${name}.bin`, randomBytes(MiB))
  }
  const listed = await fetch(`${worker.url}/library?folder=/Trip&sort=name`, { headers: MAIN })
  const { messageId } = (await listed.json()).items.at(-1)

  const answer = await fetch(`${worker.url}/archive?folder=/Trip`, { headers: MAIN })
  const reader = answer.body?.getReader()
  await reader?.read()
  await createPoster(telegram).remove(messageId)
  const reading = (async () => {
    while (reader && !(await reader.read()).done);
  })()

  await expect(reading).rejects.toThrow()
  const refused = await fetch(`${worker.url}/archive?folder=/Trip`, {
    headers: { ...MAIN, range: 'bytes=5000000-' },
  })
  expect([refused.status, await refused.json()]).toEqual([
    404,
    expect.objectContaining({ error: expect.stringMatching(/^f.bin is no longer in the channel/) }),
  ])
})
