import { createDecipheriv, createHash } from 'node:crypto'
import { MiB } from '../../../lib/units.ts'
import { faultOf } from '../../errors.ts'
import type { Account } from '../account/account.ts'
import type { Api } from '../connection/gramjs.ts'
import type { CdnPlace } from './locate.ts'

/** The CDN does not know the file any more: Telegram has to be asked again. */
export class CdnTokenError extends Error {
  constructor(options?: { cause?: unknown }) {
    super('the CDN does not know the file', options)
    this.name = 'CdnTokenError'
  }
}

/** `upload.getCdnFile` wants lengths that divide a block; so much is asked for at once. */
const SMALLEST_READ = 4096
const LARGEST_READ = MiB
const MAX_UPLOADS = 3

export function readCdnPlace(redirect: Api.upload.FileCdnRedirect): CdnPlace {
  const place: CdnPlace = {
    dcId: redirect.dcId,
    fileToken: redirect.fileToken,
    key: redirect.encryptionKey,
    iv: redirect.encryptionIv,
    hashes: new Map(),
  }
  noteHashes(place, redirect.fileHashes)
  return place
}

/**
 * A block from a CDN, which is not trusted: it has the file only encrypted, and every byte is
 * checked against hashes from Telegram itself (core.telegram.org/cdn). Rejects with
 * CdnTokenError when Telegram has to be asked again, also when a hash does not fit.
 */
export async function readFromCdn(
  account: Account,
  place: CdnPlace,
  block: { offset: number; length: number; size: number; signal: AbortSignal },
): Promise<Uint8Array> {
  const end = Math.min(block.offset + block.length, block.size)
  await learnHashes(account, place, { ...block, end })
  const range = rangeOfHashes(place, block.offset, end)
  const pieces: Buffer[] = []
  for (let offset = range.start; offset < range.end; ) {
    const length = readLength(offset, range.end)
    const piece = await readPiece(account, place, { offset, length, signal: block.signal })
    pieces.push(piece)
    if (piece.length < length) break
    offset += length
  }
  const bytes = Buffer.concat(pieces)
  verify(place, range, bytes)
  return bytes.subarray(block.offset - range.start)
}

async function readPiece(
  account: Account,
  place: CdnPlace,
  { offset, length, signal }: { offset: number; length: number; signal: AbortSignal },
): Promise<Buffer> {
  const { Api, toLong } = account.gramjs
  const { fileToken } = place
  const requestChannel = account.cdnRequestChannel(place.dcId)
  const request = { fileToken, offset: toLong(String(offset)), limit: length }
  try {
    for (let uploads = 0; uploads <= MAX_UPLOADS; uploads++) {
      const build = (): Api.upload.GetCdnFile => new Api.upload.GetCdnFile(request)
      const answer = await requestChannel.call('upload.GetCdnFile', build, {
        signal,
        persistent: true,
      })
      if (answer instanceof Api.upload.CdnFile) return decrypt(place, offset, answer.bytes)
      const { requestToken } = answer
      noteHashes(
        place,
        await account.call(new Api.upload.ReuploadCdnFile({ fileToken, requestToken }), { signal }),
      )
    }
  } catch (error) {
    if (faultOf(error).kind === 'cdn-token-invalid') throw new CdnTokenError({ cause: error })
    throw error
  }
  throw new CdnTokenError()
}

/** AES-256-CTR; the vector's last four bytes count blocks of 16 bytes from the file's start. */
function decrypt({ key, iv }: CdnPlace, offset: number, encrypted: Buffer): Buffer {
  const counter = Buffer.from(iv)
  counter.writeUInt32BE(offset / 16, 12)
  return createDecipheriv('aes-256-ctr', key, counter).update(encrypted)
}

function noteHashes(place: CdnPlace, hashes: readonly Api.TypeFileHash[]): void {
  for (const { offset, limit, hash } of hashes) place.hashes.set(Number(offset), { limit, hash })
}

/** Asks Telegram for the hashes that are missing between the block's first and last byte. */
async function learnHashes(
  account: Account,
  place: CdnPlace,
  { offset, end, signal }: { offset: number; end: number; signal: AbortSignal },
): Promise<void> {
  const { Api, toLong } = account.gramjs
  for (let at = offset; at < end; ) {
    let covering = hashAt(place, at)
    if (!covering) {
      const request = { fileToken: place.fileToken, offset: toLong(String(at)) }
      const hashes = new Api.upload.GetCdnFileHashes(request)
      noteHashes(place, await account.call(hashes, { signal }))
      covering = hashAt(place, at)
    }
    if (!covering) throw new CdnTokenError()
    at = covering.end
  }
}

function hashAt({ hashes }: CdnPlace, at: number): { start: number; end: number } | null {
  for (const [start, { limit }] of hashes) {
    if (start <= at && at < start + limit) return { start, end: start + limit }
  }
  return null
}

function rangeOfHashes(place: CdnPlace, from: number, to: number): { start: number; end: number } {
  return {
    start: hashAt(place, from)?.start ?? from,
    end: hashAt(place, to - 1)?.end ?? to,
  }
}

/** The largest length that divides a block, begins here aligned, and stays within its block. */
function readLength(offset: number, end: number): number {
  let length = SMALLEST_READ
  while (length < LARGEST_READ && offset % (length * 2) === 0 && offset + length < end) {
    length *= 2
  }
  return length
}

function verify(place: CdnPlace, range: { start: number }, bytes: Buffer): void {
  const end = range.start + bytes.length
  for (const [start, { limit, hash }] of place.hashes) {
    if (start < range.start || start >= end) continue
    const from = start - range.start
    const digest = createHash('sha256')
      .update(bytes.subarray(from, from + limit))
      .digest()
    if (!digest.equals(hash)) throw new CdnTokenError()
  }
}
