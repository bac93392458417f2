import { badRequest } from '../../rpc-error.ts'
import type { Document } from '../../store/documents.ts'
import { bytes, long } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { View } from '../entities.ts'

/**
 * Returns the document that an inputDocument or a file location names, by the account's own access
 * hash and a file reference that has not expired (https://core.telegram.org/api/file-references).
 */
export function resolveDocument(view: View, input: TlObject, invalid: string): Document {
  const { documents, hashes } = view.telegram.store
  const id = long(input, 'id').toString()
  const document = documents.find(id)
  if (!document || long(input, 'access_hash') !== hashes.access('document', view.account.id, id))
    throw badRequest(invalid)
  const reference = bytes(input, 'file_reference')
  if (reference.length === 0) throw badRequest('FILE_REFERENCE_EMPTY')
  const state = hashes.checkReference(reference, view.account.id, id)
  if (state === 'invalid') throw badRequest('FILE_REFERENCE_INVALID')
  if (state === 'expired') throw badRequest('FILE_REFERENCE_EXPIRED')
  return document
}
