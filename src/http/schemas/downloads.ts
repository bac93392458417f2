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
  fileName: fileName.meta({ description: 'The name under which it is saved.' }).optional(),
  disposition: disposition.default('inline'),
})

const condition = (description: string, example: string) =>
  z
    .string()
    .max(MAX_HEADER_BYTES)
    .meta({ description, examples: [example] })
    .optional()

const Conditions = z.object({
  'If-Match': condition('Only if this is still the file (412 otherwise).', '"5123456"'),
  'If-None-Match': condition('Only if this is no longer the file (304 otherwise).', '"5123456"'),
  'If-Modified-Since': condition('Only if it has changed since.', 'Tue, 04 Nov 2025 10:00:00 GMT'),
  'If-Unmodified-Since': condition(
    'Only if it has not changed since.',
    'Tue, 04 Nov 2025 10:00:00 GMT',
  ),
})

const Ranges = Conditions.extend({
  Range: condition('Which bytes (RFC 9110). Several ranges are answered too.', 'bytes=0-1023'),
  'If-Range': condition('The range only if this is still the file, else all of it.', '"5123456"'),
})

const VALIDATORS: readonly HeaderName[] = [
  'Accept-Ranges',
  'Cache-Control',
  'ETag',
  'Last-Modified',
]
const OF_FILES: readonly HeaderName[] = [...VALIDATORS, 'Content-Disposition', 'Content-Length']

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
    'PRECONDITION_FAILED',
    'RANGE_NOT_SATISFIABLE',
    'FILE_TOO_LARGE',
    'BUSY',
  ],
} satisfies Partial<Operation>

export const download = operation({
  ...common,
  id: 'download',
  summary: 'Streams a file back, whole or in ranges',
  description:
    'The first byte leaves as soon as Telegram has sent its first part; a video plays and seeks. ' +
    'The type is that of the document, else that of the name.',
  headers: Ranges,
  answers: {
    200: { description: 'The whole file.', body: { '*/*': bytes }, headers: OF_FILES },
    206: {
      description: 'The ranges that were asked for; more than one as `multipart/byteranges`.',
      body: { '*/*': bytes },
      headers: [...OF_FILES, 'Content-Range'],
    },
    304: { description: 'The file is still the one the caller has.', headers: VALIDATORS },
  },
})

export const headDownload = operation({
  ...common,
  id: 'downloadHead',
  summary: 'What a download would say, without the bytes',
  description:
    'Always about the whole file: ranges mean nothing here. Refusals have no body either.',
  headers: Conditions,
  answers: {
    200: { description: 'The headers of the whole file.', headers: OF_FILES },
    304: { description: 'The file is still the one the caller has.', headers: VALIDATORS },
  },
})
