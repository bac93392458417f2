import { parse } from 'content-type'
import type { FastifyRequest } from 'fastify'
import type { ReceivedChunk } from '../../../core/ports/spool.ts'
import { AppError } from '../../../errors.ts'
import { KiB } from '../../../lib/units.ts'
import { FORM_TYPE } from '../body-types.ts'
import { hasFirstByte } from '../first-byte.ts'
import { bodyMissing, invalid } from '../validation.ts'
import { openRequestBody } from './body.ts'
import { type FormPart, MAX_HEAD_BYTES, malformed, readParts } from './parts.ts'

/** A file and a handful of short fields; more is not a form of ours. */
const MAX_PARTS = 33
const MAX_FIELD_BYTES = 64 * KiB
const MAX_FIELD_NAME_LENGTH = 100

/** All that is not the file, with room for boundaries and for what stands outside of them. */
const MAX_FIELDS_BYTES = MAX_PARTS * (MAX_FIELD_BYTES + MAX_HEAD_BYTES)

export interface FilePart {
  /** Null when the part names none. */
  fileName: string | null
  /** What the part says of its type; null when it says nothing. */
  mimeType: string | null
  received: ReceivedChunk
}

export interface Form {
  fields: Record<string, string>
  file: FilePart
}

export interface ReadFormOptions {
  /** The name of the file's part. */
  fileField: string
  /** The names of the fields; others are not looked at. */
  fieldNames: readonly string[]
  /** Bytes of the file; the whole form may have a little more. */
  maxFileBytes: number
  /** Takes the file's bytes as they arrive; `fields` are those that came before it. */
  receive: (
    bytes: AsyncIterable<Uint8Array>,
    fields: Record<string, string>,
  ) => Promise<ReceivedChunk>
}

/**
 * Reads a multipart form with one file, in whatever order its parts come. The file is received
 * while later fields are still on the wire. Whoever calls owns `file.received`; when this rejects,
 * nothing is left behind. Rejects with INVALID_REQUEST, UNSUPPORTED_MEDIA_TYPE and PAYLOAD_TOO_LARGE,
 * which name the part that is wrong, and with what `receive` rejects with.
 */
export async function readForm(request: FastifyRequest, options: ReadFormOptions): Promise<Form> {
  const { fileField, fieldNames, maxFileBytes, receive } = options
  const boundary = await boundaryOf(request)
  const body = openRequestBody(request.raw)
  const fields: Record<string, string> = Object.create(null)
  request.formFields = fields
  let file: FilePart | null = null
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
      if (name !== fileField) {
        throw invalid(name, `is not a file of this call, whose file is named ${fileField}`)
      }
      if (file) throw invalid(name, 'is there twice; one call takes one file')
      file = { fileName, mimeType: type, received: await receive(part.bytes, fields) }
    }
    if (!file) throw invalid(fileField, 'is missing')
    return { fields, file }
  } catch (error) {
    await file?.received.discard()
    throw error
  } finally {
    body.stop()
  }
}

/** Rejects unless the request is a form whose parts can be told apart. */
async function boundaryOf(request: FastifyRequest): Promise<string> {
  const { headers, body, raw } = request
  const type = headers['content-type']
  const isForm = request.isMultipart()
  // JSON has been read by now, and bytes of all other types were refused.
  if (isForm ? !(await hasFirstByte(raw)) : (body ?? null) === null) throw bodyMissing()
  if (!isForm) throw new AppError('UNSUPPORTED_MEDIA_TYPE', `This call takes ${FORM_TYPE}`)
  const { boundary } = parse(type ?? '').parameters
  if (!boundary) throw invalid('Content-Type', 'the boundary of the form is missing')
  return boundary
}

/** Also what the reader of parts skips is bounded, before the first boundary and behind the last. */
async function* bounded(source: AsyncGenerator<Buffer, void, undefined>, maxBytes: number) {
  let total = 0
  for await (const bytes of source) {
    total += bytes.length
    if (total > maxBytes) throw new AppError('PAYLOAD_TOO_LARGE', 'The form is too large')
    yield bytes
  }
}

async function readField({ head, bytes }: FormPart): Promise<string> {
  const pieces: Buffer[] = []
  let length = 0
  for await (const piece of bytes) {
    length += piece.length
    if (length > MAX_FIELD_BYTES) {
      throw new AppError('PAYLOAD_TOO_LARGE', `${head.name}: is too long`, {
        details: { field: head.name },
      })
    }
    pieces.push(piece)
  }
  const { type, parameters } = parse(head.type ?? '')
  const text = decoderFor(parameters.charset).decode(Buffer.concat(pieces))
  return type === 'application/json' ? readJson(head.name, text) : text
}

/** A charset that nobody knows is taken for UTF-8. */
function decoderFor(charset = 'utf-8'): InstanceType<typeof TextDecoder> {
  try {
    return new TextDecoder(charset)
  } catch {
    return new TextDecoder()
  }
}

/** Some libraries send each field as JSON: its text, or its number. */
function readJson(name: string, json: string): string {
  try {
    const value: unknown = JSON.parse(json)
    if (typeof value === 'string' || typeof value === 'number') return String(value)
  } catch {
    // Said below, together with what is JSON and no field.
  }
  throw invalid(name, 'expected a text or a number in JSON')
}

function setField(fields: Record<string, string>, name: string, value: string): void {
  if ((fields[name] ?? value) !== value) throw invalid(name, 'is there twice, with other values')
  fields[name] = value
}
