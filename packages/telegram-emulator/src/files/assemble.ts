import { createHash } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '../lib/units.ts'
import { badRequest } from '../rpc-error.ts'
import type { Store } from '../store/store.ts'
import type { Part, Upload } from '../store/uploads.ts'
import { dataPath, partPath } from './part-paths.ts'
import { checkFullPart } from './part-rules.ts'

/** The parts as inputFile and inputFileBig describe them. */
export interface FileClaim {
  fileId: string
  parts: number
  big: boolean
  /** Empty: not to be checked. */
  md5: string
}

export interface AssembleOptions {
  store: Store
  accountId: number
  claim: FileClaim
  folder: string
  ttlMs: number
}

/** Above this size only saveBigFilePart will do, up to it only saveFilePart. */
const SMALL_FILE_LIMIT = 10 * MiB

/** Joins the parts of a file. Telegram does so as late: when a document is made of them. */
export async function assemble(options: AssembleOptions): Promise<{ path: string; size: number }> {
  const { store, accountId, claim, folder, ttlMs } = options
  const upload = store.uploads.find(accountId, claim.fileId)
  const parts = store.uploads
    .parts(accountId, claim.fileId)
    .filter(({ savedAt }) => Date.now() < savedAt + ttlMs)
  const size = checkParts({ upload, parts, claim })
  const path = join(store.spoolFolder, `${accountId}_${claim.fileId}`)
  await rm(path, { force: true })
  // A document never changes, so a second one of the same parts can share its bytes.
  if (upload?.documentId) await link(store.documents.pathOf(upload.documentId), path)
  else if (claim.big) return { path: await joinBig(folder, parts, size), size }
  else await joinSmall({ folder, parts, path, claim })
  return { path, size }
}

function checkParts(given: { upload: Upload | null; parts: Part[]; claim: FileClaim }): number {
  const { upload, parts, claim } = given
  if (claim.parts < 1) throw badRequest('FILE_PARTS_INVALID')
  const missing = firstMissing(parts, claim.parts)
  if (!upload || missing !== null) throw badRequest(`FILE_PART_${missing ?? 0}_MISSING`)
  if (upload.big !== claim.big) throw badRequest('FILE_PARTS_INVALID')
  if (claim.big ? upload.total !== claim.parts : parts.length !== claim.parts)
    throw badRequest('FILE_PARTS_INVALID')
  checkSizes(parts)
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  if (size === 0) throw badRequest('FILE_PART_EMPTY')
  if (!claim.big && size > SMALL_FILE_LIMIT) throw badRequest('FILE_PARTS_INVALID')
  // A client that streams cannot know in time that the file will be small.
  if (claim.big && !upload.streamed && size <= SMALL_FILE_LIMIT)
    throw badRequest('FILE_PARTS_INVALID')
  return size
}

function firstMissing(parts: readonly Part[], count: number): number | null {
  const there = new Set(parts.map(({ part }) => part))
  for (let part = 0; part < count; part++) if (!there.has(part)) return part
  return null
}

/** "All parts must have the same size", except the last one, which may be shorter. */
function checkSizes(parts: readonly Part[]): void {
  const full = parts.slice(0, -1)
  const partSize = full[0]?.size
  if (partSize === undefined) return
  checkFullPart(partSize)
  if (full.some(({ size }) => size !== partSize)) throw badRequest('FILE_PART_SIZE_CHANGED')
  if ((parts.at(-1)?.size ?? 0) > partSize) throw badRequest('FILE_PART_SIZE_CHANGED')
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
