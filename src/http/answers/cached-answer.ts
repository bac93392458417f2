import { createHash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

/**
 * An answer that is the same for everybody. All its readers share one buffer, so a thousand that
 * stand still cost no more memory than one.
 */
export interface CachedAnswer {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Makes an answer when it is first asked for, and again only where that has failed. */
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

/** The same with a strong ETag, made of its bytes. */
export function withTag({ headers, body }: CachedAnswer): CachedAnswer {
  const digest = createHash('sha256').update(body).digest('base64url')
  return { headers: { etag: `"${digest}"`, ...headers }, body }
}

/** Sends it, or 304 to those who have it already (RFC 9110, section 13.1.2). */
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
