import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ChunkRecord } from '../../../src/core/ports/records.ts'
import type { MaintainedSpool } from '../../../src/core/ports/spool.ts'
import { MiB } from '../../../src/lib/units.ts'
import { createObjectSpool } from '../../../src/storage/object-spool/object-spool.ts'
import {
  createObjectStore,
  type ObjectStore,
  type ObjectStoreOptions,
} from '../../../src/storage/object-spool/object-store.ts'
import { createSpool } from '../../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../recording-log.ts'
import { makeTempDir } from '../temp-dir.ts'
import type { S3Server } from './s3-server.ts'

/** The spool of one node, over the bucket that all nodes of a test have. */
export interface TestNode {
  spool: MaintainedSpool
  store: ObjectStore
  /** Pieces of bytes that belong to no upload yet, on its disk. */
  unclaimed: () => Promise<number>
  /** The chunks that its disk has copies of. */
  copies: () => Promise<string[]>
}

export interface NodeOptions {
  store?: Partial<ObjectStoreOptions>
  maxCacheBytes?: number
  acknowledged?: (uploadId: string) => Promise<readonly ChunkRecord[]>
}

export async function makeNode(
  server: S3Server,
  bucket: string,
  options: NodeOptions = {},
): Promise<TestNode> {
  const log = createRecordingLog()
  const directory = await makeTempDir()
  const local = await createSpool({ directory, fsync: false, log })
  const { endpoint, region, accessKeyId, secretAccessKey } = server
  const address = { endpoint, region, accessKeyId, secretAccessKey, bucket, pathStyle: true }
  const store = createObjectStore({ ...address, ...options.store })
  const { maxCacheBytes = 64 * MiB, acknowledged = async () => [] } = options
  const spool = await createObjectSpool({ store, local, maxCacheBytes, acknowledged, log })
  onTestFinished(() => spool.close())
  return {
    spool,
    store,
    unclaimed: async () => (await readdir(join(directory, 'tmp'))).length,
    copies: () => readdir(join(directory, 'uploads')),
  }
}
