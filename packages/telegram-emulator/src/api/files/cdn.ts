import { createCipheriv, randomBytes } from 'node:crypto'
import { CDN_DC, type Telegram } from '../../context.ts'
import { badRequest } from '../../rpc-error.ts'
import type { Document } from '../../store/documents.ts'
import { bytes, int, long } from '../../tl-fields.ts'
import type { TlObject } from '../../types.ts'
import type { Call, Methods, OpenCall, OpenMethods } from '../method.ts'
import { fileHashes } from './file-hashes.ts'
import { checkRange } from './file-range.ts'

interface CdnFile {
  document: Document
  key: Buffer
  iv: Buffer
  requestToken: Buffer
  /** False until the file was sent to the CDN, which asks for it until then. */
  present: boolean
}

/** Files handed over to the content delivery network (https://core.telegram.org/cdn). */
export interface CdnFiles {
  redirect: (telegram: Telegram, document: Document) => Promise<TlObject>
  /** Served at the CDN, to anybody. */
  open: OpenMethods
  /** Asked of the data centre the file comes from. */
  methods: Methods
}

export function createCdnFiles(): CdnFiles {
  const files = new Map<string, CdnFile>()

  function find(token: Uint8Array): CdnFile {
    const file = files.get(Buffer.from(token).toString('hex'))
    if (!file) throw badRequest('FILE_TOKEN_INVALID')
    return file
  }

  return {
    redirect: async (telegram, document) => {
      const token = randomBytes(16)
      const file = {
        document,
        key: randomBytes(32),
        iv: randomBytes(16),
        requestToken: randomBytes(16),
        present: false,
      }
      files.set(token.toString('hex'), file)
      return {
        _: 'upload.fileCdnRedirect',
        dc_id: CDN_DC,
        file_token: token,
        encryption_key: file.key,
        encryption_iv: file.iv,
        file_hashes: await fileHashes(telegram, document, 0),
      }
    },
    open: { 'upload.getCdnFile': (call) => getCdnFile(call, find) },
    methods: {
      'upload.reuploadCdnFile': (call) => {
        const file = find(bytes(call.method, 'file_token'))
        const request = Buffer.from(bytes(call.method, 'request_token'))
        if (!request.equals(file.requestToken)) throw badRequest('REQUEST_TOKEN_INVALID')
        file.present = true
        return hashesAt(call, file, 0)
      },
      'upload.getCdnFileHashes': (call) =>
        hashesAt(call, find(bytes(call.method, 'file_token')), Number(long(call.method, 'offset'))),
    },
  }
}

const hashesAt = (call: Call, file: CdnFile, offset: number): Promise<TlObject[]> =>
  fileHashes(call.telegram, file.document, offset)

async function getCdnFile(
  { telegram, method }: OpenCall,
  find: (token: Uint8Array) => CdnFile,
): Promise<TlObject> {
  const file = find(bytes(method, 'file_token'))
  const offset = Number(long(method, 'offset'))
  const limit = int(method, 'limit')
  checkRange({ offset, limit, precise: false })
  if (!file.present) return { _: 'upload.cdnFileReuploadNeeded', request_token: file.requestToken }
  const plain = await telegram.files.read(file.document.id, offset, limit)
  telegram.counters.unitsFetched(file.document.id, offset, plain.length)
  telegram.counters.method(method._).bytesOut += plain.length
  return { _: 'upload.cdnFile', bytes: encryptAt(file, plain, offset) }
}

/** AES-256-CTR; the last four bytes of the iv are the offset in blocks, big-endian. */
function encryptAt({ key, iv }: CdnFile, plain: Uint8Array, offset: number): Uint8Array {
  const counter = Buffer.from(iv)
  counter.writeUInt32BE(offset / 16, 12)
  return createCipheriv('aes-256-ctr', key, counter).update(plain)
}
