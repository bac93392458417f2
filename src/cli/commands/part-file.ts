import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { link, open, rename, stat, unlink } from 'node:fs/promises'
import type { Download } from 'telestore-client'
import { LocalFailure } from '../failure.ts'

const PIECE_BYTES = 1024 * 1024

/** The bytes of an unfinished download, in a file beside the target. */
export interface PartFile {
  /** Bytes in the part file, all of this same file. */
  readonly size: number
  append: (bytes: Uint8Array) => Promise<void>
  /** SHA-256 of what is in it now, read from the disk, hex. */
  sha256: () => Promise<string>
  /** Empties it: none of its bytes are of use. */
  discard: () => Promise<void>
  /** Renames it to the target. Overwrites an existing file only with `force`. */
  finish: (force: boolean) => Promise<void>
  /** Keeps it for the next try. */
  close: () => Promise<void>
}

/**
 * Opens the part file of a download. Its name has a digest of the ETag and the range, so that only
 * bytes of the same file and range are appended to it.
 */
export async function openPart(target: string, answer: Download): Promise<PartFile> {
  const { start, end } = answer.range
  const length = end - start + 1
  const path = `${target}.${tagOf(answer)}.part`
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o644)
  let { size } = await file.stat()
  // Without an ETag the bytes may be of another file.
  if (size > length || answer.etag === null) {
    await file.truncate(0)
    size = 0
  }

  return {
    get size() {
      return size
    },
    append: async (bytes) => {
      let at = 0
      while (at < bytes.length) {
        const { bytesWritten } = await file.write(bytes, at, bytes.length - at, size)
        at += bytesWritten
        size += bytesWritten
      }
    },
    sha256: async () => {
      const hash = createHash('sha256')
      const bytes = Buffer.allocUnsafe(PIECE_BYTES)
      for (let at = 0; at < size; ) {
        const { bytesRead } = await file.read(bytes, 0, bytes.length, at)
        if (bytesRead === 0) break
        hash.update(bytes.subarray(0, bytesRead))
        at += bytesRead
      }
      return hash.digest('hex')
    },
    discard: async () => {
      await file.truncate(0)
      size = 0
    },
    finish: async (force) => {
      await file.close()
      if (size !== length) throw new LocalFailure(`${path}: ${size} bytes in place of ${length}`)
      if (force) await rename(path, target)
      else await nameNew(path, target)
    },
    close: () => file.close().catch(() => {}),
  }
}

/** `link` fails when the target exists, unlike `rename`. Some file systems have no links. */
async function nameNew(path: string, target: string): Promise<void> {
  try {
    await link(path, target)
    await unlink(path)
  } catch (error) {
    if (isCode(error, 'EEXIST')) throw alreadyThere(target)
    if (await exists(target)) throw alreadyThere(target)
    await rename(path, target)
  }
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

export function alreadyThere(path: string): LocalFailure {
  return new LocalFailure(`${path} exists already: --force overwrites it`)
}

function tagOf({ etag, range, size }: Download): string {
  const whole = range.start === 0 && range.end === size - 1
  const content = JSON.stringify([etag, whole ? null : range])
  return createHash('sha256').update(content).digest('hex').slice(0, 12)
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
