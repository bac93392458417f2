import { z } from 'zod'
import { type FolderPath, parseFolderPath } from '../../core/model/library/folder-path.ts'
import { MAX_PATH_BYTES } from '../../core/model/library/folder-tree.ts'
import { assertThumbnail, MAX_THUMBNAIL_BYTES } from '../../core/model/thumbnail.ts'
import { MAX_VOLUMES } from '../../core/model/volumes/manifest.ts'
import { ON_CONFLICT } from '../../core/uploads/place-upload.ts'
import { AppError } from '../../errors.ts'
import { MiB } from '../../lib/units.ts'

/** Parses input from a caller; throws INVALID_REQUEST that names the first bad field. */
export function parseWire<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
): z.infer<Schema> {
  const parsed = schema.safeParse(data)
  if (parsed.success) return parsed.data
  if (data === undefined || data === null) throw bodyMissing()
  const [issue] = parsed.error.issues
  const field = issue?.path.join('.') || 'body'
  const problem = !issue || isMissing(data, issue.path) ? 'is missing' : sayIssue(issue)
  throw invalid(field, problem)
}

/** Whether nothing stands at a path of keys and indexes. */
function isMissing(data: unknown, path: readonly PropertyKey[]): boolean {
  let value = data
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return false
    if (!(key in value)) return true
    value = Reflect.get(value, key)
  }
  return false
}

/** `problem` completes a sentence about the field. */
export function invalid(field: string, problem: string): AppError {
  return new AppError('INVALID_REQUEST', `${field}: ${problem}`, { details: { field } })
}

export function bodyMissing(): AppError {
  return invalid('body', 'is missing')
}

/** Replaces zod's own messages, which are for programmers; a schema's own message is kept. */
function sayIssue(issue: z.core.$ZodIssue): string {
  if (!/^(Too|Invalid)/.test(issue.message)) return issue.message
  const unit = 'origin' in issue && issue.origin === 'string' ? ' characters' : ''
  if (issue.code === 'too_big') return `expected ${issue.maximum}${unit} at most`
  if (issue.code === 'too_small') {
    return unit && issue.minimum === 1 ? 'is empty' : `expected ${issue.minimum}${unit} at least`
  }
  if (issue.code === 'invalid_type') {
    const expected = issue.expected === 'int' ? 'whole number' : issue.expected
    return `expected ${/^[aeiou]/.test(expected) ? 'an' : 'a'} ${expected}`
  }
  return 'is not what this field takes'
}

/**
 * A whole number, as JSON or as the text of a form field. `documented` are the bounds in the
 * documentation, if core refuses more numbers, with messages of its own.
 */
export const wholeNumber = (min: number, max: number, documented = { min, max }) =>
  z
    .union(
      [
        // The pipe below checks the same; this describes it for the documentation.
        z.number().meta({ type: 'integer', minimum: documented.min, maximum: documented.max }),
        z
          .string()
          .regex(/^\d{1,16}$/)
          .transform(Number)
          .meta({ pattern: decimalPattern(documented.min, documented.max) }),
      ],
      {
        error: 'expected a whole number',
      },
    )
    .pipe(z.number().int().min(min).max(max))

/** Returns a pattern for the numbers from 0 or 1 up to `max`, without leading zeros. */
function decimalPattern(min: number, max: number): string {
  const digits = [...String(max)].map(Number)
  const shorter = digits.length > 1 ? [`[1-9]\\d{0,${digits.length - 2}}`] : []
  const below = digits.flatMap((digit, at) => {
    const least = at === 0 ? 1 : 0
    const rest = digits.length - 1 - at
    const start = digits.slice(0, at).join('')
    return digit > least ? [`${start}[${least}-${digit - 1}]\\d{${rest}}`] : []
  })
  // No file is so large that the last digits of MAX_SAFE_INTEGER matter.
  const asLong = max === Number.MAX_SAFE_INTEGER ? [] : [...below, max]
  return `^(${[...(min === 0 ? ['0'] : []), ...shorter, ...asLong].join('|')})$`
}

export const UPLOAD_ID = /^[A-Za-z0-9_-]{1,128}$/
/** Characters of a file's name. */
export const MAX_NAME = 1024

/** An upload's id: it names a folder, so its alphabet is small. */
export const uploadId = z
  .string()
  .regex(UPLOAD_ID, 'expected up to 128 letters, digits, - and _')
  .meta({
    description: "The upload's id, made by its sender. Others must not be able to guess it.",
    examples: ['1762700000000_k3j9x0a2b'],
  })

/** More chunks than this make the ledger the bottleneck; with 5 MB each they are 80 GB. */
const MAX_CHUNKS = 16_384

/** A file's name in any alphabet, without what could pass for a path or break a header. */
export const fileName = z
  .string()
  .min(1)
  .max(MAX_NAME)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must go
  .transform((name) => name.toWellFormed().replace(/[\u0000-\u001f\u007f/\\]/g, '_'))
  .meta({
    description: "The file's name, in any alphabet. Slashes and control characters become `_`.",
    examples: ['holiday.mp4'],
  })

/** The years 0 to 9999, in epoch milliseconds: what a caption can say. */
const TIMES = { min: -62_167_219_200_000, max: 253_402_300_799_999 }
const MODIFIED_AT = 'expected milliseconds since 1970, or a time such as 2026-11-29T04:26:55Z'

/** When a file was last changed, in epoch milliseconds. Empty text is none, as forms have it. */
export const modifiedAt = z
  .preprocess(
    (given) => (given === '' ? undefined : given),
    z
      .union(
        [
          z.number().meta({ type: 'integer', minimum: TIMES.min, maximum: TIMES.max }),
          z
            .string()
            .regex(/^-?\d{1,15}$/)
            .transform(Number),
          z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
        ],
        { error: MODIFIED_AT },
      )
      .pipe(
        z
          .number()
          .int(MODIFIED_AT)
          .min(TIMES.min, { error: MODIFIED_AT })
          .max(TIMES.max, { error: MODIFIED_AT }),
      )
      .optional(),
  )
  .optional()
  .meta({
    description:
      'When the file was last changed: milliseconds since 1970, or a time with its zone. It is kept ' +
      "in the caption of the file's message.",
    examples: [1_764_390_415_123],
  })

/** What forms and programs send in place of nothing. */
const isNone = (given: unknown): boolean => given === '' || given === 'null' || given === null

/** A folder as its caller writes it; `folderOf` reads it. */
export const folder = z
  .preprocess(
    (given) => (isNone(given) ? undefined : given),
    z.string().max(MAX_PATH_BYTES).optional(),
  )
  .optional()
  .meta({
    description:
      "Path of the folder into which the file goes, such as `/Photos/2026`. Missing folders are made. An empty text, `null` and `/` are the library's root.",
    examples: ['/Photos/2026'],
  })

/** Throws INVALID_REQUEST for a path that cannot be. */
export function folderOf(fields: { folder?: string | undefined }): FolderPath {
  return parseFolderPath(fields.folder ?? '', 'folder')
}

export const onConflict = z
  .preprocess((given) => (isNone(given) ? undefined : given), z.enum(ON_CONFLICT).optional())
  .optional()
  .meta({
    description:
      'What to do where the folder has a file of this name, by what the library knows when the upload opens. `keep-both` adds ` (2)` to the name, `reject` refuses the upload with `FILE_EXISTS`, and `replace` deletes the other file once this one is in Telegram. By default both have the name.',
    examples: ['keep-both'],
  })

/** Of the text in which a thumbnail of MAX_THUMBNAIL_BYTES comes. */
const MAX_BASE64 = Math.ceil(MAX_THUMBNAIL_BYTES / 3) * 4

export const THUMBNAIL =
  'A small picture of the file, which goes to Telegram with it: a JPEG of at most 320 x 320 pixels ' +
  'and 200 KB without metadata, such as EXIF. It is never the reason why a file is not posted.'

/** In JSON; `thumbnailOf` reads it. */
export const thumbnail = z
  .preprocess(
    (given) => (isNone(given) ? undefined : given),
    z
      .base64({ error: 'expected a JPEG in base64' })
      .max(MAX_BASE64, { error: `is larger than ${MAX_THUMBNAIL_BYTES} bytes` })
      .optional(),
  )
  .optional()
  .meta({ description: `${THUMBNAIL} In base64.`, examples: ['/9j/4AAQSkZJRgABAQAAAQ=='] })

/** Throws INVALID_REQUEST for what is no thumbnail. */
export function thumbnailOf(fields: { thumbnail?: string | undefined }): Uint8Array | null {
  if (fields.thumbnail === undefined) return null
  const jpeg = Buffer.from(fields.thumbnail, 'base64')
  assertThumbnail(jpeg)
  return jpeg
}

/** In a form: a file beside the file. */
export const thumbnailFile = z
  .file()
  .optional()
  .meta({ description: THUMBNAIL, examples: ['(the bytes)'] })

export const token = z
  .string()
  .min(1)
  .max(16_384)
  .meta({
    description: 'Token, for calls without an `Authorization` header. The header wins.',
    examples: ['demo'],
  })

/** Telegram's message ids are positive 32-bit integers. */
export const MAX_MESSAGE_ID = 2 ** 31 - 1

export const messageId = wholeNumber(1, MAX_MESSAGE_ID).meta({
  description: "Id of the file's message in the user's channel.",
  examples: [42],
})

/** A `file_id` of the Bot API. */
export const fileId = z
  .string()
  .regex(/^[\w-]{1,512}$/, 'expected letters, digits, - and _')
  .meta({
    description:
      '`fileId` of the upload. A bot without `TELEGRAM_API_ID` needs it to find a file that its library ' +
      'does not know.',
    examples: ['BQACAgIAAyEFAASRk7fJAAMqaRBu'],
  })

/** The most that an operator may allow: a manifest names no more volumes, and Telegram takes no larger ones. */
const MAX_FILE_BYTES = MAX_VOLUMES * 4_000 * MiB

export const FileFields = z.object({
  uploadId,
  fileName,
  totalChunks: wholeNumber(1, MAX_CHUNKS).meta({
    description: `Number of chunks of the file, at most ${MAX_CHUNKS}: those of a larger file are larger.`,
    examples: [20],
  }),
  fileSize: wholeNumber(0, Number.MAX_SAFE_INTEGER, { min: 1, max: MAX_FILE_BYTES }).meta({
    description:
      "Size of the whole file in bytes. The worker's own limit is `max_file_bytes` of `GET /`.",
    examples: [104_857_600],
  }),
  authToken: token.optional(),
  mimeType: z
    .string()
    .max(255)
    .regex(/^([\w!#$&^.+-]+\/[\w!#$&^.+-]+([ \t]*;.*)?)?$/, 'expected type/subtype')
    .meta({
      description: "The file's type. By default it is derived from the name.",
      examples: ['video/mp4'],
    })
    .optional(),
  modifiedAt,
  folder,
  onConflict,
})

/** What opens an upload before its first chunk. */
export const InitFields = FileFields.extend({ thumbnail })

/** Where a file goes. */
export const PlacingFields = FileFields.pick({ fileName: true, folder: true, onConflict: true })

/** In hex. */
export const SHA256 = /^[0-9a-fA-F]{64}$/

export const ChunkFields = FileFields.extend({
  chunkIndex: wholeNumber(0, Number.MAX_SAFE_INTEGER, { min: 0, max: MAX_CHUNKS - 1 }).meta({
    description: 'Index of the chunk, counted from 0.',
    examples: [5],
  }),
  /** The SHA-256 of the chunk that the sender computed. */
  chunkDigest: z
    .string()
    .regex(SHA256, 'expected a SHA-256 in hex')
    .meta({
      description:
        'SHA-256 of the chunk in hex. Bytes that were damaged on the way are then refused.',
      examples: ['e950580819f8ce5fd1f523611f32c3c55e8f684fe6ae1a3593415a035f684a1f'],
    })
    .optional(),
})

export const UploadIdFields = z.object({ uploadId, authToken: token.optional() })

/** For links, because a `<video>` or an event stream cannot send a header. Empty means none. */
export const linkToken = z.preprocess((text) => text || undefined, token.optional())
export const TokenQuery = z.object({ token: linkToken.optional() })
