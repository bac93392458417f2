import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, vi } from 'vitest'
import { bucketFolder, nodesOfCluster } from '../cluster/suites/cluster-env.ts'

/**
 * What the spool of a worker has, for tests that know it by HTTP and by its folder: chunk files in
 * DATA_DIR, or, where the run has servers for a cluster, objects in the bucket and files of its nodes.
 */

/** The uploads that have bytes. */
export async function spooledUploads(dataDir: string): Promise<string[]> {
  const bucket = bucketFolder(dataDir)
  if (bucket === null) return readdir(join(dataDir, 'spool', 'uploads'))
  const root = join(bucket, 'spool')
  const files = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => [])
  const names = files.flatMap((file) =>
    file.isFile() ? (file.parentPath.slice(root.length + 1).split('/')[0] ?? '') : [],
  )
  return [...new Set(names)]
}

/** Bytes that are no chunk yet. */
export async function temporaryFiles(dataDir: string): Promise<string[]> {
  if (bucketFolder(dataDir) === null) return readdir(join(dataDir, 'spool', 'tmp'))
  const nodes = Array.from({ length: nodesOfCluster() }, (_, index) =>
    join(dataDir, index === 0 ? '' : `node-${index}`, 'cache', 'tmp'),
  )
  return (await Promise.all(nodes.map((folder) => readdir(folder)))).flat()
}

/** Resolves once bytes of a stream's first chunk are being written; no other request may bring any. */
export async function streamArrives(dataDir: string, uploadId: string): Promise<void> {
  const isAlone = bucketFolder(dataDir) === null
  await vi.waitFor(async () => {
    if (isAlone) {
      expect(await readdir(join(dataDir, 'spool', 'uploads', uploadId))).toEqual(['0.growing'])
    } else {
      expect(await temporaryFiles(dataDir)).toHaveLength(1)
    }
  })
}
