import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { StreamService } from '../../core/uploads/stream-service.ts'
import type { UploadService } from '../../core/uploads/upload-service.ts'
import { AppError } from '../../errors.ts'
import type { PreemptibleLock } from '../../lib/concurrency/preemptible-lock.ts'
import { isMediaType } from '../../lib/media-type.ts'
import { MiB } from '../../lib/units.ts'
import { onAbort } from '../../lib/waiting/abortable.ts'
import { drain } from '../bodies/drain.ts'
import { hasFirstByte } from '../bodies/first-byte.ts'
import { newUploadId } from '../bodies/new-upload.ts'
import { parseWire } from '../bodies/validation.ts'
import { clientSignal } from '../connections/client-signal.ts'
import { tokenOf } from '../guards/presented-credentials.ts'
import type { PublicAddress } from '../public-address.ts'
import { LISTED } from '../schemas/openapi/operation.ts'
import { UploadIdParams } from '../schemas/progress.ts'
import {
  createFile,
  deleteFile,
  discoverTus,
  discoverTusOfFile,
  headFile,
  overrideFile,
  patchFile,
} from '../schemas/tus.ts'
import { createTusAnswers, type TusAnswer, type TusCall } from './answer.ts'
import { openBody } from './body.ts'
import {
  answerHeaders,
  descriptionHeaders,
  type Lifetime,
  locationOf,
  metadataHeader,
  tusHeaders,
} from './headers.ts'
import {
  assertBytes,
  assertLength,
  assertVersion,
  describeFile,
  discovery,
  parseConcat,
  parseMetadata,
  STREAM_TYPE,
  TUS_PATH,
  TUS_VERSION,
} from './protocol.ts'

export interface TusRoutesOptions extends Lifetime {
  streams: StreamService
  uploads: Pick<UploadService, 'cancel' | 'discard' | 'authorize'>
  uploadLock: PreemptibleLock
  address: PublicAddress
  maxFileBytes: number
}

/**
 * How much a sender may still send after its request was answered, before its connection is cut.
 */
const LEFTOVER = { maxBytes: MiB, maxMs: 300 }

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Read by @fastify/cors, which does not declare it. */
    cors?: { preflightContinue: boolean }
  }
}

/** CORS answers preflights, and then passes them on, because the protocol uses OPTIONS too. */
const DISCOVERABLE = { config: { cors: { preflightContinue: true } } }

/**
 * The tus protocol 1.0.0: creation (also with bytes), termination, expiration, checksum,
 * concatenation. Every call needs the owner's token, even the calls whose counterparts work with an
 * uploadId alone: all tus clients send their headers with each request.
 */
export const tusRoutes: FastifyPluginAsync<TusRoutesOptions> = async (app, options) => {
  const { uploadLock } = options
  const answerTus = createTusAnswers(options)

  // The upload reads the body, so no parser may.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  app.addHook('onRequest', async (request, reply) => {
    reply.header('tus-resumable', TUS_VERSION).header('cache-control', 'no-store')
    if (request.method === 'OPTIONS') return
    // Before the check, because the refusal must have this header.
    reply.header('tus-version', TUS_VERSION)
    assertVersion(request.headers['tus-resumable'])
  })
  // Senders resume at the next instance where this one stopped them.
  app.addHook('preClose', async () => uploadLock.requestUnlockAll())

  async function discover(_request: FastifyRequest, reply: FastifyReply): Promise<void> {
    await reply.code(204).headers(discovery(options.maxFileBytes)).send()
  }

  async function create(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const token = requireBearer(request)
    const concat = parseConcat(headerOf(request, 'upload-concat'))
    const metadata = metadataHeader(request.headers)
    const described = describeFile(await parseMetadata(metadata))
    if (concat.kind === 'final') {
      const { id } = await options.streams.join(
        {
          ...described,
          partIds: concat.partIds,
          metadata,
          concat: headerOf(request, 'upload-concat') ?? '',
        },
        token,
      )
      locate(id, request, reply)
      await reply.code(201).send()
      return
    }
    assertLength(headerOf(request, 'upload-length'))
    // Bytes of another type would be thrown away without a word.
    if (!isStream(request) && (await hasFirstByte(request.raw))) throw noStream()
    const call = callOf(request, reply, { method: 'POST', uploadId: newUploadId(), token })
    const partial = concat.kind === 'partial'
    const answer = await createAndFill({ ...call, partial })
    locate(call.uploadId, request, reply)
    await send('POST', answer, request, reply)
  }

  function locate(uploadId: string, request: FastifyRequest, reply: FastifyReply): void {
    reply.header('location', locationOf(uploadId, options.address.rootOf(request), request.url))
  }

  /**
   * Discards the upload if the answer with its id does not reach the client, which then cannot
   * resume it.
   */
  async function createAndFill(call: TusCall): Promise<TusAnswer> {
    const undo = () => options.uploads.discard(call.uploadId).catch(() => {})
    try {
      const answer = await answerTus(call)
      call.signal.throwIfAborted()
      await options.streams.announce(call.uploadId)
      onAbort(call.signal, () => void undo())
      return answer
    } catch (error) {
      await undo()
      throw error
    }
  }

  async function work(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { uploadId } = parseWire(UploadIdParams, request.params)
    const method = methodOf(request, reply)
    const token = requireBearer(request)
    if (method === 'PATCH') {
      if (!isStream(request)) throw noStream()
      assertBytes('Upload-Offset', headerOf(request, 'upload-offset'))
    }
    // Before the lock: a request that waits for the lock ends the sender that holds it.
    await options.uploads.authorize(uploadId, token)
    const call = callOf(request, reply, { method, uploadId, token })
    await send(method, await answerTus(call), request, reply)
  }

  async function send(
    method: TusCall['method'],
    answer: TusAnswer,
    request: FastifyRequest,
    reply: FastifyReply,
  ) {
    reply.code(answer.status).headers(answerHeaders(answer, options))
    if (method === 'HEAD' && answer.state) reply.headers(descriptionHeaders(answer.state))
    if (!request.raw.complete) {
      await drain(request.raw, LEFTOVER)
      reply.header('connection', 'close')
    }
    await reply.send()
  }

  for (const path of [TUS_PATH, `${TUS_PATH}/`]) {
    const hide = path !== TUS_PATH
    app.options(path, { ...DISCOVERABLE, schema: hide ? { hide } : discoverTus }, discover)
    const config = { isHeavy: true, presents: {} }
    app.post(path, { schema: hide ? { hide } : createFile, config }, create)
  }
  const one = `${TUS_PATH}/:uploadId`
  app.options(one, { ...DISCOVERABLE, schema: discoverTusOfFile }, discover)
  const config = { ...LISTED, presents: { uploadId: 'path' } } as const
  const methods = { HEAD: headFile, PATCH: patchFile, DELETE: deleteFile, POST: overrideFile }
  for (const [method, schema] of Object.entries(methods)) {
    // A POST may stand for a PATCH.
    const isHeavy = method === 'PATCH' || method === 'POST'
    app.route({ method, schema, url: one, config: { ...config, isHeavy }, handler: work })
  }
}

function requireBearer(request: FastifyRequest): string {
  const token = tokenOf(request)
  if (token !== null) return token
  const sentence = 'Authorization: a token is needed in each request of a tus upload'
  throw new AppError('TOKEN_MISSING', sentence, { details: { field: 'Authorization' } })
}

function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  how: Pick<TusCall, 'method' | 'uploadId' | 'token'>,
): TusCall {
  return {
    ...how,
    partial: false,
    headers: tusHeaders(request.headers),
    body: openBody(request.raw),
    signal: clientSignal(reply),
  }
}

/** Some networks allow only GET and POST: then a header names the method. */
function methodOf(request: FastifyRequest, reply: FastifyReply): 'HEAD' | 'PATCH' | 'DELETE' {
  const named = headerOf(request, 'x-http-method-override')?.toUpperCase()
  const method = request.method === 'POST' ? named : request.method
  if (method === 'HEAD' || method === 'PATCH' || method === 'DELETE') return method
  reply.header('allow', 'HEAD, PATCH, DELETE, OPTIONS')
  throw new AppError('METHOD_NOT_ALLOWED', 'An upload is asked by HEAD, PATCH or DELETE')
}

function isStream(request: FastifyRequest): boolean {
  return isMediaType(headerOf(request, 'content-type'), STREAM_TYPE)
}

function noStream(): AppError {
  return new AppError('UNSUPPORTED_MEDIA_TYPE', `Content-Type: bytes come as ${STREAM_TYPE}`, {
    details: { field: 'Content-Type' },
  })
}

function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}
