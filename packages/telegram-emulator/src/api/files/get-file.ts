import { thumbType } from '../../files/thumbs.ts'
import { badRequest, RpcError } from '../../rpc-error.ts'
import type { Document } from '../../store/documents.ts'
import { child, flag, int, long, text } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import { resolveDocument } from '../messages/document-input.ts'
import type { Call, Methods } from '../method.ts'
import type { CdnFiles } from './cdn.ts'
import { fileHashes } from './file-hashes.ts'
import { checkRange } from './file-range.ts'

export function createFileMethods(cdn: CdnFiles): Methods {
  return {
    'upload.getFile': (call) => getFile(call, cdn),
    'upload.getFileHashes': (call) => {
      const location = child(call.method, 'location')
      if (location._ !== 'inputDocumentFileLocation') throw badRequest('LOCATION_INVALID')
      const document = resolveDocument(call, location, 'LOCATION_INVALID')
      checkPlace(call, document)
      if (text(location, 'thumb_size') !== '') throw badRequest('LOCATION_INVALID')
      return fileHashes(call.telegram, document, Number(long(call.method, 'offset')))
    },
  }
}

function checkPlace({ connection }: Call, { dcId }: Document): void {
  if (dcId !== connection.role.dcId) throw new RpcError(303, `FILE_MIGRATE_${dcId}`)
}

async function getFile(call: Call, cdn: CdnFiles): Promise<TlObject> {
  const { telegram, method } = call
  const location = child(method, 'location')
  if (location._ !== 'inputDocumentFileLocation') throw badRequest('LOCATION_INVALID')
  const document = resolveDocument(call, location, 'FILE_ID_INVALID')
  checkPlace(call, document)
  const offset = Number(long(method, 'offset'))
  const limit = int(method, 'limit')
  checkRange({ offset, limit, precise: flag(method, 'precise') })
  const thumbSize = text(location, 'thumb_size')
  if (thumbSize !== '') return thumbPart(document, thumbSize, { offset, limit })
  if (telegram.settings.serveByCdn && flag(method, 'cdn_supported'))
    return cdn.redirect(telegram, document)
  const content = await telegram.files.read(document.id, offset, limit)
  telegram.counters.unitsFetched(document.id, offset, content.length)
  telegram.counters.method(method._).bytesOut += content.length
  return {
    _: 'upload.file',
    type: { _: 'storage.fileUnknown' },
    mtime: document.date,
    bytes: content,
  }
}

/** A thumbnail is named by its type (https://core.telegram.org/api/files#downloading-files). */
function thumbPart(
  { thumb, date }: Document,
  type: string,
  { offset, limit }: { offset: number; limit: number },
): TlObject {
  if (!thumb || thumbType(thumb) !== type) throw badRequest('LOCATION_INVALID')
  return {
    _: 'upload.file',
    type: { _: 'storage.fileJpeg' },
    mtime: date,
    bytes: thumb.bytes.subarray(offset, offset + limit),
  }
}
