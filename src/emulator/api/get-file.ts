import { badRequest, RpcError } from '../rpc-error.ts'
import { child, flag, int, long } from '../tl-fields.ts'
import type { TlObject } from '../types.ts'
import type { CdnFiles } from './cdn.ts'
import { resolveDocument } from './document-input.ts'
import { fileHashes } from './file-hashes.ts'
import { checkRange } from './file-range.ts'
import type { Call, Methods } from './method.ts'

export function createFileMethods(cdn: CdnFiles): Methods {
  return {
    'upload.getFile': (call) => getFile(call, cdn),
    'upload.getFileHashes': (call) => {
      const location = child(call.method, 'location')
      const document = resolveDocument(call, location, 'LOCATION_INVALID')
      return fileHashes(call.telegram, document, Number(long(call.method, 'offset')))
    },
  }
}

async function getFile(call: Call, cdn: CdnFiles): Promise<TlObject> {
  const { telegram, method, connection } = call
  const location = child(method, 'location')
  if (location._ !== 'inputDocumentFileLocation') throw badRequest('LOCATION_INVALID')
  const document = resolveDocument(call, location, 'FILE_ID_INVALID')
  if (document.dcId !== connection.role.dcId)
    throw new RpcError(303, `FILE_MIGRATE_${document.dcId}`)
  const offset = Number(long(method, 'offset'))
  const limit = int(method, 'limit')
  checkRange({ offset, limit, precise: flag(method, 'precise') })
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
