import { randomBytes } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { downloadUrl, pollToEnd, sha256 } from '../helpers/callers/client.ts'
import {
  createTus,
  makeTusUpload,
  offsetOf,
  tusHeaders,
  uploadIdOf,
} from '../helpers/callers/tus.ts'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startTeleStore } from '../helpers/worker/telestore.ts'
import { startWorkerProcess } from '../helpers/worker/worker-process.ts'

async function download(url: string, messageId: number | null, token: string): Promise<Buffer> {
  const response = await fetch(downloadUrl(url, messageId, token))
  return Buffer.from(await response.arrayBuffer())
}

test('a file that tus-js-client uploads in parallel comes back from Telegram byte for byte', async () => {
  const { url } = await startTeleStore()
  const bytes = randomBytes(31 * MiB + 7)
  const { upload, finished } = makeTusUpload(url, bytes, { token: 'main', parallelUploads: 3 })

  upload.start()
  const end = (await pollToEnd(url, await finished)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  const back = await download(url, end?.messageId ?? null, 'link-main')
  expect(sha256(back)).toBe(sha256(bytes))
})

test('a client goes on after kill -9 of the worker, and no acknowledged byte is lost', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const first = await startWorkerProcess(telegram, dataDir)
  const bytes = randomBytes(26 * MiB)
  // Requests that end inside a chunk of the worker's.
  const begun = makeTusUpload(first.url, bytes, { token: 'main', chunkSize: 3 * MiB + 17 })
  let acknowledged = 0
  const half = new Promise<void>((resolve) => {
    begun.upload.options.onChunkComplete = (_size, accepted) => {
      acknowledged = accepted
      if (accepted > 12 * MiB) resolve()
    }
  })
  begun.upload.start()
  await half
  await first.stop('SIGKILL')
  await begun.upload.abort()

  const second = await startWorkerProcess(telegram, dataDir)
  const uploadId = uploadIdOf(begun.upload)
  const offset = await vi.waitFor(() => offsetOf(second.url, uploadId, 'main'))
  expect(offset).toBeGreaterThanOrEqual(acknowledged)
  const uploadUrl = `${second.url}/files/${uploadId}`
  const again = makeTusUpload(second.url, bytes, { token: 'main', uploadUrl })
  again.upload.start()
  await again.finished
  const end = (await pollToEnd(second.url, uploadId)).at(-1)

  expect(end).toMatchObject({ status: 'completed', sha256: sha256(bytes) })
  const back = await download(second.url, end?.messageId ?? null, 'main')
  expect(sha256(back)).toBe(sha256(bytes))
})

test('a creation that kill -9 cut before its answer reserves no space after the restart', async () => {
  const telegram = await startTelegram()
  const dataDir = await makeTempDir()
  const folders = join(dataDir, 'spool', 'uploads')
  const first = await startWorkerProcess(telegram, dataDir)
  const stream = { 'content-type': 'application/offset+octet-stream' }
  const small = { ...stream, 'upload-length': '9' }
  const toldId = await createTus(first.url, 'main', small, Buffer.from('told'))
  const creation = request(`${first.url}/files`, {
    method: 'POST',
    headers: tusHeaders('main', {
      ...stream,
      'upload-length': String(9 * MiB),
      'content-length': String(9 * MiB),
    }),
  })
  creation.on('error', () => {})
  creation.write(randomBytes(6 * MiB))
  const untoldId = await vi.waitFor(async () => {
    const [id = ''] = (await readdir(folders)).filter((name) => name !== toldId)
    expect((await stat(join(folders, id, '0.chunk'))).size).toBe(5 * MiB)
    return id
  })

  await first.stop('SIGKILL')
  const second = await startWorkerProcess(telegram, dataDir)

  await vi.waitFor(async () => expect(await readdir(folders)).toEqual([toldId]))
  await expect(offsetOf(second.url, untoldId, 'main')).rejects.toThrow('404')
  expect(await offsetOf(second.url, toldId, 'main')).toBe(4)
})
