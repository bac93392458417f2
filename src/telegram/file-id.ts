import { type tdFileId, toFileId } from '@mtcute/file-id'
import type { StoredDocument } from '../core/ports/records.ts'

/** `FileType.Document` of TDLib. */
const DOCUMENT = 5

type Location = Parameters<typeof toFileId>[0]
type Long = tdFileId.RawCommonRemoteFileLocation['id']

/** A Bot API file_id for a document that came by MTProto. */
export function documentFileId(document: StoredDocument): string {
  const location: Location = {
    type: DOCUMENT,
    dcId: document.dcId,
    fileReference: Buffer.from(document.fileReference, 'base64'),
    location: { _: 'common', id: halves(document.id), accessHash: halves(document.accessHash) },
  }
  return toFileId(location)
}

/** The encoder writes a long by its halves and asks nothing else of it. */
function halves(decimal: string): Long {
  const value = BigInt(decimal)
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return { low, high, unsigned: false } as Long
}
