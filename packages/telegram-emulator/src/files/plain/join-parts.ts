import { createHash } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { badRequest } from '../../rpc-error.ts'
import type { Store } from '../../store/store.ts'
import type { Part } from '../../store/uploads.ts'
import type { FileClaim, PartsOfFile } from '../bytes.ts'
import { dataPath, documentPath, partPath } from './paths.ts'

/**
 * Joins the parts in `folder` to one file, and returns its path. Telegram does so as late: when a
 * document is made of them.
 */
export async function joinParts(
  store: Store,
  folder: string,
  { upload, claim, parts, size }: PartsOfFile,
): Promise<string> {
  const path = join(store.spoolFolder, `${upload.accountId}_${upload.fileId}`)
  await rm(path, { force: true })
  // A document never changes, so a second one of the same parts can share its bytes.
  if (upload.documentId !== null) await link(documentPath(store, upload.documentId), path)
  else if (claim.big) return joinBig(folder, parts, size)
  else await joinSmall({ folder, parts, path, claim })
  return path
}

/** Writes the last part to its place; the others are there already. */
async function joinBig(folder: string, parts: readonly Part[], size: number): Promise<string> {
  const path = dataPath(folder)
  const file = await open(path, 'a').then(async (made) => {
    await made.close()
    return open(path, 'r+')
  })
  try {
    for (const { part, size: length } of parts.filter(({ apart }) => apart))
      await file.write(await readFile(partPath(folder, part)), 0, length, size - length)
    await file.truncate(size)
  } finally {
    await file.close()
  }
  return path
}

/** Joins parts one after another: a small file has 10 MB at most. */
async function joinSmall(options: {
  folder: string
  parts: readonly Part[]
  path: string
  claim: FileClaim
}): Promise<void> {
  const { folder, parts, path, claim } = options
  const hash = createHash('md5')
  const file = await open(path, 'w')
  try {
    for (const { part } of parts) {
      const bytes = await readFile(partPath(folder, part))
      hash.update(bytes)
      await file.write(bytes)
    }
  } finally {
    await file.close()
  }
  if (claim.md5 !== '' && hash.digest('hex') !== claim.md5.toLowerCase()) {
    await rm(path)
    throw badRequest('MD5_CHECKSUM_INVALID')
  }
}
