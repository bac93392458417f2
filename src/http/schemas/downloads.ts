import { z } from 'zod'
import { fileId, fileName, linkToken, messageId } from '../bodies/validation.ts'
import { MAX_HEADER_BYTES } from '../guards/limits.ts'
import type { HeaderName } from './headers.ts'
import { type Operation, operation } from './openapi/operation.ts'
import { OF_TELEGRAM, OF_TOKENS } from './openapi/refusals.ts'

export const disposition = z.enum(['inline', 'attachment']).meta({
  description: 'Whether a browser shows the file or saves it.',
  examples: ['inline'],
})

export const DownloadQuery = z.object({
  messageId,
  fileId: fileId.optional(),
  token: linkToken.optional(),
  fileName: fileName
    .meta({
      description: 'The name under which the file is saved; by default its name in the library.',
    })
    .optional(),
  disposition: disposition.default('inline'),
})

const condition = (description: string, example: string) =>
  z
    .string()
    .max(MAX_HEADER_BYTES)
    .meta({ description, examples: [example] })
    .optional()

export const ifNoneMatch = condition(
  'Send it only if it has another entity tag; otherwise 304.',
  '"5123456"',
)

export const Conditions = z.object({
  'If-Match': condition(
    'Send the file only if it still has this entity tag; otherwise 412.',
    '"5123456"',
  ),
  'If-None-Match': ifNoneMatch,
  'If-Modified-Since': condition(
    'Send the file only if it has changed since; otherwise 304.',
    'Tue, 04 Nov 2025 10:00:00 GMT',
  ),
  'If-Unmodified-Since': condition(
    'Send the file only if it has not changed since; otherwise 412.',
    'Tue, 04 Nov 2025 10:00:00 GMT',
  ),
})

export const WantedDigest = {
  'Want-Repr-Digest': condition(
    'Digests that the caller wants (RFC 9530). `sha-256=0` leaves `Repr-Digest` out.',
    'sha-256=10',
  ),
}

export const Ranges = Conditions.extend({
  ...WantedDigest,
  Range: condition('Which bytes to send (RFC 9110). Several ranges are possible.', 'bytes=0-1023'),
  'If-Range': condition(
    'Send the range only if the file still has this entity tag or date; otherwise the whole file.',
    '"5123456"',
  ),
})

export const VALIDATORS: readonly HeaderName[] = [
  'Accept-Ranges',
  'Cache-Control',
  'ETag',
  'Last-Modified',
]
export const OF_FILES: readonly HeaderName[] = [
  ...VALIDATORS,
  'Content-Disposition',
  'Content-Length',
  'Repr-Digest',
]

const bytes = z.file().meta({ description: "The file's bytes.", examples: ['(the bytes)'] })

const common = {
  tag: 'Downloads',
  auth: 'link',
  query: DownloadQuery,
  refusals: [
    ...OF_TOKENS,
    ...OF_TELEGRAM,
    'TOKEN_MISSING',
    'FORBIDDEN',
    'MESSAGE_NOT_FOUND',
    'FILE_INCOMPLETE',
    'PRECONDITION_FAILED',
    'RANGE_NOT_SATISFIABLE',
    'FILE_TOO_LARGE',
    'BUSY',
  ],
} satisfies Partial<Operation>

export const download = operation({
  ...common,
  id: 'download',
  summary: 'Downloads a file, whole or in ranges',
  description:
    'The first byte leaves as soon as Telegram has sent its first block, so a video plays and ' +
    'seeks. The type is that of the document in Telegram; without one it is derived from the name.',
  headers: Ranges,
  answers: {
    200: { description: 'The whole file.', body: { '*/*': bytes }, headers: OF_FILES },
    206: {
      description: 'The requested ranges. More than one come as `multipart/byteranges`.',
      body: { '*/*': bytes },
      headers: [...OF_FILES, 'Content-Range'],
    },
    304: { description: 'The caller has the current file.', headers: VALIDATORS },
  },
})

export const headDownload = operation({
  ...common,
  id: 'downloadHead',
  summary: 'Returns the headers of a download',
  description:
    'The headers are those of the whole file, with ranges ignored. Errors have no body either.',
  headers: Conditions.extend(WantedDigest),
  answers: {
    200: { description: 'The headers of the whole file.', headers: OF_FILES },
    304: { description: 'The caller has the current file.', headers: VALIDATORS },
  },
})
