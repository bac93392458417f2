import { afterAll, beforeAll, describe } from 'vitest'
import { missingPrograms } from '../../helpers/cluster/programs.ts'
import { type S3Server, startS3 } from '../../helpers/cluster/s3-server.ts'
import { makeNode } from '../../helpers/cluster/test-object-spool.ts'
import { describeSpool } from '../../helpers/storage/spool-contract.ts'

const missing = missingPrograms('versitygw')

describe.skipIf(missing !== '')(`on an S3 server${missing}`, () => {
  let server: S3Server
  let buckets = 0

  beforeAll(async () => {
    server = await startS3()
  })
  afterAll(() => server.stop())

  describeSpool('the spool in an object store', async () => {
    const bucket = `bucket-${++buckets}`
    await server.createBucket(bucket)
    return makeNode(server, bucket)
  })
})
