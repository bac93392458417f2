import { createHash, randomBytes } from 'node:crypto'
import { MiB } from '../../src/lib/units.ts'
import { createS3Connections } from '../../src/storage/object-spool/s3-request.ts'
import { startS3 } from '../../test/helpers/cluster/s3-server.ts'
import type { Figure } from '../harness/results.ts'
import { median } from '../harness/rounds.ts'
import { p99Of } from './nodes.ts'

const BYTES = 5 * MiB
const WARM = 20
const COUNT = 200

/** What the store takes for a chunk by itself, one after another: no node can answer sooner. */
export async function measureStore(): Promise<Figure[]> {
  const s3 = await startS3()
  const { endpoint, region, accessKeyId, secretAccessKey } = s3
  const bucket = 'alone'
  await s3.createBucket(bucket)
  const address = { endpoint, bucket, region, accessKeyId, secretAccessKey, pathStyle: true }
  const store = createS3Connections(address, 10_000)
  const bytes = randomBytes(BYTES)
  const sha256 = createHash('sha256').update(bytes).digest()
  const digest = sha256.toString('hex')
  const body = {
    size: BYTES,
    digest,
    read: async function* () {
      yield bytes
    },
  }
  const headers = { 'x-amz-checksum-sha256': sha256.toString('base64') }
  const times: number[] = []
  try {
    for (let index = 0; index < WARM + COUNT; index++) {
      const startedAt = performance.now()
      const answer = await store.send({ method: 'PUT', key: `chunk-${index}`, headers, body })
      for await (const _ of answer) void _
      if (answer.statusCode !== 200) throw new Error(`the store says ${answer.statusCode}`)
      if (index >= WARM) times.push(performance.now() - startedAt)
    }
  } finally {
    store.close()
    await s3.stop()
  }
  const figure = (name: string, value: number): Figure => ({
    figure: `a PUT of 5 MB to the store alone, one at a time: ${name}`,
    unit: 'ms',
    values: { store: value },
  })
  return [figure('median', median(times)), figure('99th percentile', p99Of(times))]
}
