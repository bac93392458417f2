import type { FastifyReply } from 'fastify'

/** Adds names of request headers to `Vary`, beside those that stand there already. */
export function addVary(reply: FastifyReply, ...names: string[]): void {
  const present = String(reply.getHeader('vary') ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const known = new Set(present.map((name) => name.toLowerCase()))
  const added = names.filter((name) => !known.has(name.toLowerCase()))
  reply.header('vary', [...present, ...added].join(', '))
}
