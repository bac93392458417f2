import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyPluginAsync } from 'fastify'
import { AppError } from '../../errors.ts'

/** What answers the questions of other nodes of the cluster. */
export interface PeerDoor {
  /**
   * Looks at a question's head. Null: no node of this cluster has asked it, or it was asked before. Else
   * what reads its body and writes the whole answer, and never rejects.
   */
  take: (
    kind: string,
    head: string | undefined,
  ) => ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null
  /** Breaks off what is answered, and answers no more. */
  close: () => void
}

export interface ClusterRoutesOptions {
  door: PeerDoor
}

const QUESTION_HEADER = 'x-telestore-question'

/** Other nodes of the cluster ask this one. */
export const clusterRoutes: FastifyPluginAsync<ClusterRoutesOptions> = async (app, { door }) => {
  // The bodies are sealed, and are read by what opens them.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))

  const unlisted = {
    schema: { hide: true },
    config: { isBetweenInstances: true },
    // A busy node is asked many times a second.
    logLevel: 'warn',
  } as const
  app.post<{ Params: { kind: string } }>('/cluster/:kind', unlisted, async (request, reply) => {
    const head = request.headers[QUESTION_HEADER]
    const answer = door.take(request.params.kind, typeof head === 'string' ? head : undefined)
    // The same answer as without this route.
    if (!answer) throw new AppError('NOT_FOUND', 'There is nothing here')
    reply.hijack()
    await answer(request.raw, reply.raw)
  })

  // What is asked goes on at another node; an answer may take hours.
  app.addHook('preClose', async () => door.close())
}
