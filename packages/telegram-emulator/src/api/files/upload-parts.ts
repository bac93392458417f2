import { bytes, int, long } from '../../tl-fields.ts'
import type { Call, Methods } from '../method.ts'

/** https://core.telegram.org/api/files#uploading-files */
export const uploadPartMethods: Methods = {
  'upload.saveFilePart': (call) => savePart(call, null),
  'upload.saveBigFilePart': (call) => savePart(call, int(call.method, 'file_total_parts')),
}

async function savePart(call: Call, total: number | null): Promise<boolean> {
  const { telegram, account, method } = call
  const { maxParts, maxPartsPremium } = telegram.settings
  const fileId = long(method, 'file_id').toString()
  const part = int(method, 'file_part')
  const content = bytes(method, 'bytes')
  await telegram.parts.save(account.id, fileId, {
    part,
    total,
    bytes: content,
    maxParts: account.premium ? maxPartsPremium : maxParts,
  })
  telegram.counters.partReceived(account.id, fileId, part)
  telegram.counters.method(method._).bytesIn += content.length
  return true
}
