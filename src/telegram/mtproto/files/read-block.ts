import type { StoredDocument } from '../../../core/ports/records.ts'
import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { faultOf, unavailable } from '../../errors.ts'
import { BLOCK_BYTES, PART_BYTES, THUMBNAIL_BYTES } from '../../limits.ts'
import type { Account } from '../account/account.ts'
import type { Api, Gramjs } from '../connection/gramjs.ts'
import { CdnTokenError, readCdnPlace, readFromCdn } from './cdn.ts'
import type { Locator } from './locate.ts'

export interface BlockRequest {
  locator: Locator
  /** Bytes in the whole file. */
  size: number
  offset: number
  /** May pass the end of the file. */
  length: number
  signal: AbortSignal
}

/** A range of a document, or of one of its thumbnails. */
interface Wanted extends Omit<BlockRequest, 'locator'> {
  /** The letter of the thumbnail; empty: the document itself. */
  thumbSize: string
  takesCdn: boolean
}

/** Turns one block may take: references renewed, other data centres, CDNs. */
const MAX_TURNS = 6
/** Answers with too few bytes, in a row. */
const MAX_SHORT = 3
const THUMBNAIL_FLOOD_MS = 5_000

/**
 * The bytes from `offset`, by one `upload.getFile`, retried, and redirected as Telegram asks.
 * Never fewer than the file has there.
 */
export async function readBlock(request: BlockRequest): Promise<Uint8Array> {
  const { locator, size, offset, length } = request
  const expected = Math.min(length, size - offset)
  const takesCdn = locator.withoutCdn !== true
  if (expected <= 0) return new Uint8Array()
  return locator.use(async (account) => {
    for (let short = 0; short < MAX_SHORT; short++) {
      const bytes = await fetchBlock(account, locator, { ...request, thumbSize: '', takesCdn })
      if (bytes.length >= expected) return bytes.subarray(0, expected)
    }
    throw unavailable(new Error('Telegram sent fewer bytes than the file has'))
  })
}

/** The document's thumbnail by one `upload.getFile`; null: it has none. */
export async function readThumbnail(
  locator: Locator,
  signal: AbortSignal,
): Promise<Uint8Array | null> {
  const { thumbnail } = locator
  if (!thumbnail) return null
  const { type, bytes } = thumbnail
  const size = THUMBNAIL_BYTES
  const wanted = { size, offset: 0, length: size, signal, thumbSize: type, takesCdn: false }
  return bytes ?? locator.use((account) => fetchBlock(account, locator, wanted))
}

async function fetchBlock(
  account: Account,
  locator: Locator,
  request: Wanted,
): Promise<Uint8Array> {
  const { signal, thumbSize } = request
  for (let turn = 1; ; turn++) {
    const { document, cdn } = locator
    try {
      if (cdn && thumbSize === '') return await readFromCdn(account, cdn, request)
      const answer = await askForFile(account, document, request)
      if (!(answer instanceof account.gramjs.Api.upload.FileCdnRedirect)) return answer.bytes
      await untilAborted(trustCdns(account), signal)
      locator.cdn = readCdnPlace(answer)
    } catch (error) {
      signal.throwIfAborted()
      const fault = faultOf(error)
      if (turn >= MAX_TURNS) throw error
      if (error instanceof CdnTokenError) locator.cdn = null
      else if (fault.kind === 'reference-expired') await locator.refresh(document, signal)
      else if (fault.kind === 'move' && fault.subject === 'file') {
        locator.document = { ...locator.document, dcId: fault.dcId }
      } else throw error
    }
  }
}

async function askForFile(
  account: Account,
  document: StoredDocument,
  wanted: Wanted,
): Promise<Api.upload.TypeFile> {
  const { length, signal, thumbSize } = wanted
  const requestChannel = account.requestChannel(document.dcId)
  const request = (): Api.upload.GetFile => fileRequest(account.gramjs, document, wanted)
  const parts = Math.ceil(length / PART_BYTES)
  // The reader of a document most likely has bytes already: waiting is better than a download that
  // breaks off. A thumbnail comes whole or not at all.
  const patience = thumbSize === '' ? { persistent: true } : { floodMs: THUMBNAIL_FLOOD_MS }
  return requestChannel.call('upload.GetFile', request, { signal, parts, ...patience })
}

function fileRequest(
  { Api, toLong }: Gramjs,
  document: StoredDocument,
  { offset, length, thumbSize, takesCdn }: Wanted,
): Api.upload.GetFile {
  return new Api.upload.GetFile({
    // Only lengths that divide a block may be asked for plainly (core.telegram.org/api/files).
    precise: BLOCK_BYTES % length !== 0,
    cdnSupported: takesCdn,
    location: new Api.InputDocumentFileLocation({
      id: toLong(document.id),
      accessHash: toLong(document.accessHash),
      fileReference: Buffer.from(document.fileReference, 'base64'),
      thumbSize,
    }),
    offset: toLong(String(offset)),
    limit: length,
  })
}

/** CDNs have RSA keys of their own, which Telegram names (core.telegram.org/cdn). */
function trustCdns(account: Account): Promise<void> {
  const { gramjs } = account
  gramjs.cdnKeys ??= askForCdnKeys(account).catch((error: unknown) => {
    gramjs.cdnKeys = null
    throw error
  })
  return gramjs.cdnKeys
}

async function askForCdnKeys({ gramjs, call }: Account): Promise<void> {
  // Shared by all that ask meanwhile, so that no caller's leaving ends it.
  const { signal } = new AbortController()
  const { publicKeys } = await call(new gramjs.Api.help.GetCdnConfig(), { signal })
  for (const { publicKey } of publicKeys) gramjs.trustKey(publicKey)
}
