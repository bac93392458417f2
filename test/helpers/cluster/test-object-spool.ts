import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { ChunkRecord } from '../../../src/core/ports/records.ts'
import type { Spool, SpoolUpload } from '../../../src/core/ports/spool.ts'
import { MiB } from '../../../src/lib/units.ts'
import {
  idOf,
  parseChunkKey,
  parsePieceKey,
  ROOT,
  uploadPrefix,
} from '../../../src/storage/object-spool/keys.ts'
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
  spool: Spool
  store: ObjectStore
  /** Pieces of bytes that belong to no upload yet, on its disk. */
  unclaimed: () => Promise<number>
  /** Ids of all uploads that the bucket has objects of. */
  uploadIds: () => Promise<string[]>
  /** Indexes of the chunks of an upload that the bucket has, and of those that are not whole. */
  indexes: (upload: SpoolUpload) => Promise<{ chunks: number[]; partial: number[] }>
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

  async function keys(prefix: string): Promise<string[]> {
    const found: string[] = []
    for await (const { objects } of store.list({ prefix })) {
      found.push(...objects.map(({ key }) => key))
    }
    return found
  }

  return {
    spool,
    store,
    unclaimed: async () => (await readdir(join(directory, 'tmp'))).length,
    uploadIds: async () => [...new Set((await keys(ROOT)).flatMap((key) => idOf(key) ?? []))],
    indexes: async (upload) => {
      const found = await keys(uploadPrefix(upload))
      const chunks = found.flatMap((key) => parseChunkKey(upload, key)?.index ?? [])
      const partial = found.flatMap((key) => parsePieceKey(upload, key)?.index ?? [])
      return { chunks, partial }
    },
    copies: () => readdir(join(directory, 'uploads')),
  }
}
