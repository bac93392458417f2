import { z } from 'zod'
import { MAX_PARAMETER } from '../guards/limits.ts'
import type { HeaderName } from './headers.ts'
import { type Operation, operation } from './openapi/operation.ts'
import { OF_OPENING, OF_TOKENS } from './openapi/refusals.ts'
import { UploadIdParams } from './progress.ts'

const header = (description: string, example: string, pattern: RegExp) =>
  z
    .string()
    .regex(pattern)
    .meta({ description, examples: [example] })

const BYTES = /^(0|[1-9]\d{0,14})$/
const BASE64 = '(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?'
const PAIR = `[\\w.-]+(?: ${BASE64})?`
const PART_URL = '(?:[^\\s?#%]*/)?[\\w-]{1,128}'

const Version = z.object({
  'Tus-Resumable': z
    .literal('1.0.0')
    .meta({ description: 'The version of the protocol.', examples: ['1.0.0'] }),
})

const Checksum = Version.extend({
  'Upload-Checksum': header(
    'Algorithm (SHA-256, SHA-1 or MD5), and digest of the body in base64.',
    'sha256 6VBYCBn4zl/R9SNhHzLDxV6PaE/mrho1k0FaA19oSh8=',
    /^(sha256|sha1|md5) [A-Za-z0-9+/]{22,43}={1,2}$/,
  ).optional(),
})

const Creation = Checksum.extend({
  'Upload-Length': header(
    'Size of the whole file in bytes; not for an upload that is joined from others. Only a part of another upload may be empty.',
    '104857600',
    BYTES,
  ).optional(),
  'Upload-Metadata': header(
    'Keys, and values in base64: `filename` and `filetype`, or `name` and `type`; `modifiedAt`, `folder` and `onConflict` as in other uploads. Without `folder`, that of `relativePath` (Uppy).',
    'filename aG9saWRheS5tcDQ=,filetype dmlkZW8vbXA0',
    new RegExp(`^${PAIR}(?:,${PAIR})*$`),
  ).optional(),
  'Upload-Concat': header(
    '`partial`: this is a part of another upload. `final;` and the URLs of the parts: join them.',
    'partial',
    new RegExp(`^(?:partial|final;${PART_URL}(?: ${PART_URL})*)$`),
  ).optional(),
})

const SPOKEN: readonly HeaderName[] = ['Tus-Resumable', 'Cache-Control']
const KNOWN: readonly HeaderName[] = [...SPOKEN, 'Tus-Version', 'Upload-Offset', 'Upload-Expires']

const bytes = z
  .file()
  .meta({ description: "The file's bytes from the offset on.", examples: ['(the bytes)'] })

/** Codes of calls for an existing upload. */
const OF_ONE = [
  ...OF_TOKENS,
  'TOKEN_MISSING',
  'UPLOAD_NOT_FOUND',
  'UPLOAD_GONE',
  'UPLOAD_CANCELLED',
  'PROTOCOL_VERSION',
  'UPLOAD_LOCKED',
  'UPLOAD_CLOSED',
  'SPOOL_FAILED',
] as const

const WITH_BYTES = [
  'UNSUPPORTED_MEDIA_TYPE',
  'PAYLOAD_TOO_LARGE',
  'OFFSET_CONFLICT',
  'CHECKSUM_MISMATCH',
  'CHUNK_TOO_LARGE',
  'SPOOL_FULL',
  'BUSY',
] as const

const patching = {
  tag: 'tus',
  summary: 'Sends bytes of an upload',
  description:
    'The bytes begin at `Upload-Offset`. If the request breaks, the worker keeps what has arrived. ' +
    'With its last byte the upload completes by itself. Another request that works on the same ' +
    'upload is ended.',
  auth: 'bearer',
  params: UploadIdParams,
  headers: Checksum.extend({
    'Upload-Offset': header(
      'Where the bytes begin: the offset that HEAD has returned.',
      '5242880',
      BYTES,
    ),
  }),
  body: bytes,
  bodyType: 'application/offset+octet-stream',
  answers: { 204: { description: 'The bytes are on the disk.', headers: KNOWN } },
  refusals: [...OF_ONE, ...WITH_BYTES, 'FORBIDDEN'],
} satisfies Partial<Operation>

export const patchFile = operation({ ...patching, id: 'tusPatch' })

export const overrideFile = operation({
  ...patching,
  id: 'tusOverride',
  summary: 'HEAD, PATCH or DELETE for networks that allow only POST',
  description: '`X-HTTP-Method-Override` names the method. Everything else is as with that method.',
  headers: Version.extend({
    'X-HTTP-Method-Override': header('The method.', 'DELETE', /^(?:HEAD|PATCH|DELETE)$/i),
    'Upload-Offset': header('As with PATCH.', '5242880', BYTES).optional(),
    'Upload-Checksum': Checksum.shape['Upload-Checksum'],
  }),
  body: bytes.optional(),
  answers: {
    200: { description: 'As with HEAD.', headers: [...KNOWN, 'Upload-Length'] },
    204: { description: 'As with PATCH and DELETE.', headers: KNOWN },
  },
  refusals: [...patching.refusals, 'METHOD_NOT_ALLOWED'],
})

export const createFile = operation({
  id: 'tusCreate',
  tag: 'tus',
  summary: 'Creates an upload, or joins uploads into one',
  description:
    'The length must be known, because Telegram needs it. The body may have the first bytes. The last ' +
    "segment of the upload's URL is its `uploadId`: progress, status, cancel and tickets work on it. " +
    'Every request of an upload carries the token.',
  auth: 'bearer',
  headers: Creation,
  body: bytes.optional(),
  bodyType: 'application/offset+octet-stream',
  answers: {
    201: { description: 'The upload is open.', headers: [...KNOWN, 'Location'] },
  },
  refusals: [
    ...OF_OPENING,
    ...WITH_BYTES,
    'UPLOAD_GONE',
    'UPLOAD_LOCKED',
    'CHUNKS_MISSING',
    'PROTOCOL_VERSION',
  ],
})

export const headFile = operation({
  id: 'tusHead',
  tag: 'tus',
  summary: 'Tells how many bytes of an upload the worker has',
  description: 'Errors have no body.',
  auth: 'bearer',
  params: UploadIdParams,
  headers: Version,
  answers: {
    200: {
      description: 'The offset, in `Upload-Offset`.',
      headers: [...KNOWN, 'Upload-Length', 'Upload-Metadata', 'Upload-Concat'],
    },
  },
  refusals: OF_ONE,
})

export const deleteFile = operation({
  id: 'tusDelete',
  tag: 'tus',
  summary: 'Cancels an upload',
  description: 'As `POST /cancel-upload`: the worker removes its bytes and stops its job.',
  auth: 'bearer',
  params: UploadIdParams,
  headers: Version,
  answers: { 204: { description: 'The upload is cancelled.', headers: SPOKEN } },
  refusals: OF_ONE,
})

const discovering = {
  tag: 'tus',
  summary: 'Tells what the worker supports of the protocol',
  description: 'The same for every address and every caller.',
  answers: {
    204: {
      description: 'Version, extensions, and the largest file.',
      headers: [
        'Tus-Resumable',
        'Tus-Version',
        'Tus-Extension',
        'Tus-Max-Size',
        'Tus-Checksum-Algorithm',
      ],
    },
  },
} satisfies Partial<Operation>

export const discoverTus = operation({ ...discovering, id: 'tusOptions' })
export const discoverTusOfFile = operation({
  ...discovering,
  id: 'tusOptionsOfFile',
  params: z.object({
    uploadId: z
      .string()
      .max(MAX_PARAMETER)
      .meta({ description: 'Ignored.', examples: ['1762700000000_k3j9x0a2b'] }),
  }),
})
