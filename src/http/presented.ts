import type { FastifyRequest } from 'fastify'
import { tokenOf } from './token.ts'

/** What a request shows to be let in. */
export interface Presented {
  /** All of them, wherever they stand: a good one must not cover for a guess. */
  tokens: readonly string[]
  uploadId: string | null
  messageId: string | null
}

/** What a request shows in its headers, path, query and JSON; forms are read by their routes. */
export function presentedBy(request: FastifyRequest): Presented {
  const { params, query, body } = request
  const tokens = [tokenOf(request), textIn(query, 'token'), textIn(body, 'authToken')]
  return {
    tokens: tokens.filter((token) => token !== null),
    uploadId: textIn(params, 'uploadId') ?? textIn(body, 'uploadId'),
    messageId: textIn(query, 'messageId') ?? textIn(body, 'messageId'),
  }
}

function textIn(source: unknown, name: string): string | null {
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) return null
  const value: unknown = Reflect.get(source, name)
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null
}
