import type { Readable } from 'node:stream'
import '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { ReceivedChunk } from '../core/ports/spool.ts'
import { AppError } from '../errors.ts'
import { KiB } from '../lib/units.ts'

/** One file and a handful of short fields; more is not a form of ours. */
const LIMITS = {
  fields: 32,
  files: 1,
  parts: 33,
  fieldNameSize: 100,
  fieldSize: 64 * KiB,
  headerPairs: 32,
  // The spool counts the bytes, so that too many are an error and not a shorter file.
  fileSize: Number.POSITIVE_INFINITY,
}

export interface FilePart {
  /** Null when the part names none. */
  fileName: string | null
  mimeType: string
  received: ReceivedChunk
}

export interface Form {
  fields: Record<string, string>
  file: FilePart
}

export interface ReadFormOptions {
  /** The name of the file's part. */
  fileField: string
  /** Takes the file's bytes as they arrive; `fields` are those that came before it. */
  receive: (bytes: Readable, fields: Record<string, string>) => Promise<ReceivedChunk>
}

/**
 * Reads a multipart form with one file, in whatever order its parts come. The file is received
 * while later fields are still on the wire. Whoever calls owns `file.received`; when this rejects,
 * nothing is left behind.
 */
export async function readForm(
  request: FastifyRequest,
  { fileField, receive }: ReadFormOptions,
): Promise<Form> {
  if (!request.isMultipart()) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'This call takes multipart/form-data')
  }
  const fields: Record<string, string> = Object.create(null)
  let file: FilePart | null = null
  let ownFailure: unknown
  try {
    for await (const part of request.parts({ limits: LIMITS })) {
      if (part.type === 'field') {
        if (part.valueTruncated) throw tooLong(part.fieldname)
        if (typeof part.value === 'string') fields[part.fieldname] = part.value
        continue
      }
      if (part.fieldname !== fileField) throw invalid(part.fieldname, 'is not a file of this call')
      const received = await receive(part.file, fields).catch((error: unknown) => {
        // A form that ends too early fails in the file's stream: that is the parser's error.
        if (error !== part.file.errored) ownFailure = error
        throw error
      })
      file = { fileName: part.filename || null, mimeType: part.mimetype, received }
    }
    if (!file) throw invalid(fileField, 'is missing')
    return { fields, file }
  } catch (error) {
    await file?.received.discard()
    // The parser's own errors carry no status: whatever it could not read, the caller wrote.
    const known = error === ownFailure || error instanceof AppError || hasStatus(error)
    if (known || request.raw.socket.destroyed) throw error
    throw new AppError('INVALID_REQUEST', 'The form is malformed', { cause: error })
  }
}

function hasStatus(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error
}

function invalid(field: string, problem: string): AppError {
  return new AppError('INVALID_REQUEST', `${field}: ${problem}`, { details: { field } })
}

function tooLong(field: string): AppError {
  return new AppError('PAYLOAD_TOO_LARGE', `${field}: is too long`, { details: { field } })
}
