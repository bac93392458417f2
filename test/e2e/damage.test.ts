import { randomBytes } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { startWorker, testCredentials } from '../helpers/app.ts'
import { completeAndPoll, newUploadId, postChunk, sha256 } from '../helpers/client.ts'
import { createFakeGateway } from '../helpers/fake-gateway.ts'

const token = 'token-ann'

test('a chunk whose row cannot be written leaves no file, and is taken when it comes again', async () => {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const bytes = randomBytes(3000)
  const uploadId = newUploadId()
  const file = { uploadId, totalChunks: 3, fileName: 'a.bin', fileSize: 3000, authToken: token }
  const send = (chunkIndex: number, chunk: Buffer) =>
    postChunk(worker.url, { ...file, chunkIndex, chunk })
  const chunkAt = (index: number) => bytes.subarray(index * 1000, (index + 1) * 1000)
  expect((await send(0, chunkAt(0))).status).toBe(200)
  tamper(
    worker.dataDir,
    `CREATE TRIGGER full BEFORE INSERT ON chunks
    BEGIN SELECT RAISE(ABORT, 'no room'); END`,
  )

  const refused = await send(1, chunkAt(1))

  expect(refused.status).toBeGreaterThanOrEqual(500)
  expect(await readdir(join(worker.dataDir, 'spool', 'uploads', uploadId))).toEqual(['0.chunk'])
  expect(await readdir(join(worker.dataDir, 'spool', 'tmp'))).toEqual([])
  tamper(worker.dataDir, 'DROP TRIGGER full')
  // Nobody has acknowledged the first one: other bytes in its place are as good.
  expect((await send(1, chunkAt(1))).status).toBe(200)
  expect((await send(2, chunkAt(2))).status).toBe(200)
  expect((await completeAndPoll(worker.url, uploadId)).at(-1)?.status).toBe('completed')
  expect(gateway.posted.map((posted) => sha256(posted.bytes))).toEqual([sha256(bytes)])
})

function tamper(dataDir: string, sql: string): void {
  const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { timeout: 5_000 })
  database.exec(sql)
  database.close()
}
