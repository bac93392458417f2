import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ReceivedChunk } from '../core/ports/spool.ts'
import { AppError } from '../errors.ts'
import { KiB } from '../lib/units.ts'
import { failBody } from './slow-senders.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The route reads a form; all others refuse one with 415. */
    takesForm?: boolean
  }
  interface FastifyRequest {
    /** What has been read of the request's form so far; null where there is none. */
    formFields: Readonly<Record<string, string>> | null
  }
}

/** One file and a handful of short fields; more is not a form of ours. */
const LIMITS = {
  fields: 32,
  files: 1,
  parts: 33,
  fieldNameSize: 100,
  fieldSize: 64 * KiB,
  headerPairs: 32,
  headerSize: 8 * KiB,
  // The spool counts the bytes, so that too many are an error and not a shorter file.
  fileSize: Number.POSITIVE_INFINITY,
}

/** All that is not the file, with room for boundaries and for what stands outside of them. */
const MAX_FIELDS_BYTES = LIMITS.parts * (LIMITS.fieldSize + LIMITS.headerSize)

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
  /** Bytes of the file; the whole form may have a little more. */
  maxFileBytes: number
  /** Takes the file's bytes as they arrive; `fields` are those that came before it. */
  receive: (bytes: Readable, fields: Record<string, string>) => Promise<ReceivedChunk>
}

/** What bodies the server takes: JSON everywhere, forms where a route says so. */
export async function installForms(app: FastifyInstance): Promise<void> {
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('formFields', null)
  await app.register(multipart, { throwFileSizeLimit: false })
  app.addHook('preValidation', async (request) => {
    if (!request.isMultipart() || request.routeOptions.config.takesForm) return
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'This call takes JSON')
  })
}

/**
 * Reads a multipart form with one file, in whatever order its parts come. The file is received
 * while later fields are still on the wire. Whoever calls owns `file.received`; when this rejects,
 * nothing is left behind.
 */
export async function readForm(
  request: FastifyRequest,
  { fileField, maxFileBytes, receive }: ReadFormOptions,
): Promise<Form> {
  if (!request.isMultipart()) {
    throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'This call takes multipart/form-data')
  }
  const fields: Record<string, string> = Object.create(null)
  request.formFields = fields
  let file: FilePart | null = null
  let ownFailure: unknown
  boundBody(request.raw, maxFileBytes + MAX_FIELDS_BYTES)
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

/** The parser skips what stands before the first boundary and behind the last, however much it is. */
function boundBody(raw: IncomingMessage, maxBytes: number): void {
  let left = maxBytes
  raw.on('data', (bytes: Buffer) => {
    const fits = left >= 0
    left -= bytes.length
    if (fits && left < 0) failBody(raw, new AppError('PAYLOAD_TOO_LARGE', 'The form is too large'))
  })
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
