import { parse } from 'content-type'
import type { FastifyRequest } from 'fastify'
import type { ReceivedChunk } from '../../../core/ports/spool.ts'
import { AppError } from '../../../errors.ts'
import { readBounded } from '../../../lib/read-bounded.ts'
import { KiB } from '../../../lib/units.ts'
import { FORM_TYPE } from '../body-types.ts'
import { hasFirstByte } from '../first-byte.ts'
import { bodyMissing, invalid } from '../validation.ts'
import { openRequestBody } from './body.ts'
import { type FormPart, MAX_HEAD_BYTES, malformed, readParts } from './parts.ts'

/** Our forms have a file and a handful of short fields. */
const MAX_PARTS = 33
const MAX_FIELD_BYTES = 64 * KiB
const MAX_FIELD_NAME_LENGTH = 100

/** For everything but the file: fields, heads, boundaries and the bytes around them. */
const MAX_FIELDS_BYTES = MAX_PARTS * (MAX_FIELD_BYTES + MAX_HEAD_BYTES)

export interface FilePart {
  /** Null if the part has none. */
  fileName: string | null
  /** The type that the part names; null if it names none. */
  mimeType: string | null
  received: ReceivedChunk
}

export interface Form {
  fields: Record<string, string>
  file: FilePart
  /** Null without such a part. */
  small: Buffer | null
}

export interface ReadFormOptions {
  /** The name of the file's part. */
  fileField: string
  /** The names of the fields; others are ignored. */
  fieldNames: readonly string[]
  /** A small file that may be beside it, which is held in memory. */
  smallFile?: { field: string; maxBytes: number }
  /** The most bytes of the file; the whole form may have a little more. */
  maxFileBytes: number
  /** Takes the file's bytes as they arrive; `fields` are those that came before it. */
  receive: (
    bytes: AsyncIterable<Uint8Array>,
    fields: Record<string, string>,
  ) => Promise<ReceivedChunk>
}

/**
 * Reads a multipart form with one file; its parts may come in any order. The file is received while
 * later fields are still on the wire. The caller owns `file.received`; if this rejects, the received
 * bytes are discarded. Rejects with INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE or PAYLOAD_TOO_LARGE,
 * which name the wrong part, and with the errors of `receive`.
 */
export async function readForm(request: FastifyRequest, options: ReadFormOptions): Promise<Form> {
  const { fileField, smallFile, fieldNames, maxFileBytes, receive } = options
  const boundary = await boundaryOf(request)
  const body = openRequestBody(request.raw)
  const fields: Record<string, string> = Object.create(null)
  request.formFields = fields
  let file: FilePart | null = null
  let small: Buffer | null = null
  let count = 0
  try {
    const source = bounded(body.bytes, maxFileBytes + MAX_FIELDS_BYTES)
    for await (const part of readParts(source, boundary)) {
      const { name, isFile, fileName, type } = part.head
      if (++count > MAX_PARTS) throw malformed(`has more than ${MAX_PARTS} parts`)
      if (name.length > MAX_FIELD_NAME_LENGTH) throw malformed('has a part with too long a name')
      if (!isFile) {
        if (name === fileField) throw invalid(name, 'came as a field; send it as a file')
        if (fieldNames.includes(name)) setField(fields, name, await readField(part))
        continue
      }
      if (name === smallFile?.field) {
        if (small) throw invalid(name, 'is there twice')
        small = await readBounded(part.bytes, smallFile.maxBytes)
        if (!small) throw invalid(name, `is larger than ${smallFile.maxBytes} bytes`)
        continue
      }
      if (name !== fileField) {
        throw invalid(name, `is not a file of this call, whose file is named ${fileField}`)
      }
      if (file) throw invalid(name, 'is there twice; one call takes one file')
      file = { fileName, mimeType: type, received: await receive(part.bytes, fields) }
    }
    if (!file) throw invalid(fileField, 'is missing')
    return { fields, file, small }
  } catch (error) {
    await file?.received.discard()
    throw error
  } finally {
    body.stop()
  }
}

/** Resolves with the form's boundary. Rejects if the request is no form, or names no boundary. */
async function boundaryOf(request: FastifyRequest): Promise<string> {
  const { headers, body, raw } = request
  const type = headers['content-type']
  const isForm = request.isMultipart()
  // JSON has been parsed by now, and bodies of all other types were refused.
  if (isForm ? !(await hasFirstByte(raw)) : (body ?? null) === null) throw bodyMissing()
  if (!isForm) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `This call takes ${FORM_TYPE}`)
  const { boundary } = parse(type ?? '').parameters
  if (!boundary) throw invalid('Content-Type', 'the boundary of the form is missing')
  return boundary
}

/** Limits all bytes of the form, also those that the reader of parts skips. */
async function* bounded(source: AsyncGenerator<Buffer, void, undefined>, maxBytes: number) {
  let total = 0
  for await (const bytes of source) {
    total += bytes.length
    if (total > maxBytes) throw new AppError('PAYLOAD_TOO_LARGE', 'The form is too large')
    yield bytes
  }
}

async function readField({ head, bytes }: FormPart): Promise<string> {
  const value = await readBounded(bytes, MAX_FIELD_BYTES)
  if (value === null) {
    throw new AppError('PAYLOAD_TOO_LARGE', `${head.name}: is too long`, {
      details: { field: head.name },
    })
  }
  const { type, parameters } = parse(head.type ?? '')
  const text = decoderFor(parameters.charset).decode(value)
  return type === 'application/json' ? readJson(head.name, text) : text
}

/** An unknown charset is taken for UTF-8. */
function decoderFor(charset = 'utf-8'): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

/** Some libraries send each field as JSON: a string or a number. */
function readJson(name: string, json: string): string {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'string' || typeof value === 'number') return String(value)
  } catch {
    // Refused below, like JSON of another type.
  }
  throw invalid(name, 'expected a text or a number in JSON')
}

function setField(fields: Record<string, string>, name: string, value: string): void {
  if ((fields[name] ?? value) !== value) throw invalid(name, 'is there twice, with other values')
  fields[name] = value
}
