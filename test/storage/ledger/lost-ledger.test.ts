import { rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { newUploadId, postChunk } from '../../helpers/callers/client.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

test.each([
  ['emptied', (path: string) => truncate(path)],
  ['removed', (path: string) => rm(path)],
])(
  'a ledger that was %s while the worker stood still is not missed in silence',
  async (_name, lose) => {
    const dataDir = await makeTempDir()
    const options = { gateway: createFakeGateway(), credentials: testCredentials, dataDir }
    const before = await startWorker(options)
    const uploadId = newUploadId()
    await postChunk(before.url, {
      uploadId,
      chunkIndex: 0,
      totalChunks: 2,
      fileName: 'a.bin',
      fileSize: 10,
      authToken: 'token-ann',
      chunk: Buffer.from('12345'),
    })
    await before.close()
    await lose(join(dataDir, 'ledger.sqlite'))

    const lines: string[] = []
    const { url } = await startWorker({ ...options, onLog: (line) => lines.push(line) })

    const warnings = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 40)
    expect(warnings).toContainEqual(
      expect.objectContaining({ uploads: 1, msg: expect.stringContaining('must be added again') }),
    )
    expect((await fetch(`${url}/upload-status/${uploadId}`)).status).toBe(404)
  },
)
