import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * An answer that is the same for every caller. All its readers share one buffer, so a thousand
 * stalled readers cost no more memory than one.
 */
export interface CachedAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Makes the answer at the first call, and again only if that failed. */
export function cacheAnswer(make: () => Promise<CachedAnswer>): () => Promise<CachedAnswer> {
  let made: Promise<CachedAnswer> | null = null
  return () => {
    made ??= make().then(withTag)
    made.catch(() => {
      made = null
    })
    return made
  }
}

/** Returns the answer with a strong ETag, made of its bytes. */
export function withTag({ headers, body }: CachedAnswer): CachedAnswer {
  const digest = createHash('sha256').update(body).digest('base64url')
  return { headers: { etag: `"${digest}"`, ...headers }, body }
}

/** Sends the answer, or 304 to a caller that has it already (RFC 9110, section 13.1.2). */
export function sendCached(
  { headers }: Pick<FastifyRequest, 'headers'>,
  reply: FastifyReply,
  answer: CachedAnswer,
): FastifyReply {
  reply.headers(answer.headers)
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim())
  const { etag = '' } = answer.headers
  const isKnown = known.some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag)
  return isKnown ? reply.code(304).send() : reply.send(answer.body)
}
