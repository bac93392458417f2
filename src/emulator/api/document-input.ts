import { badRequest } from '../rpc-error.ts'
import type { Document } from '../store/documents.ts'
import { bytes, child, children, int, long, text } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import type { View } from './entities.ts'
import type { Call } from './method.ts'

/**
 * The document that an inputDocument or a file location names, by the account's own hash and a
 * reference that still lives (https://core.telegram.org/api/file-references).
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

/** The document of an InputMedia, made of uploaded parts if need be. */
export async function resolveMedia(call: Call, media: TlObject): Promise<Document> {
  if (media._ === 'inputMediaDocument') {
    const input = child(media, 'id')
    if (input._ !== 'inputDocument') throw badRequest('MEDIA_EMPTY')
    return resolveDocument(call, input, 'MEDIA_EMPTY')
  }
  if (media._ !== 'inputMediaUploadedDocument') throw badRequest('MEDIA_INVALID')
  return uploadedDocument(call, media)
}

function uploadedDocument(call: Call, media: TlObject): Promise<Document> {
  const file = child(media, 'file')
  const big = file._ === 'inputFileBig'
  if (!big && file._ !== 'inputFile') throw badRequest('MEDIA_INVALID')
  const named = children(media, 'attributes').find(({ _ }) => _ === 'documentAttributeFilename')
  const claim = {
    fileId: long(file, 'id').toString(),
    parts: int(file, 'parts'),
    big,
    md5: big ? '' : text(file, 'md5_checksum'),
  }
  return call.telegram.parts.toDocument(call.account.id, claim, {
    fileName: named ? text(named, 'file_name') : text(file, 'name'),
    mimeType: text(media, 'mime_type') || 'application/octet-stream',
  })
}
