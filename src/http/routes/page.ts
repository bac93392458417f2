import type { FastifyPluginAsync } from 'fastify'
import { AppError } from '../../errors.ts'
import { sendCached } from '../answers/cached-answer.ts'
import { readStaticFiles } from '../answers/static-files.ts'

/** The page a browser gets at `/`. */
export interface Page {
  html: string
  /** What a browser gets at the address of a share; by default a sentence that there is no such page. */
  shareHtml?: string
  /** Folder of its scripts, styles and pictures; null if it needs none. */
  assets: string | null
  /** In the demo every token with this prefix is good; null outside the demo. */
  tokensBeginWith: string | null
  /** Whether a backend keeps a list of its own; by default none does. */
  hasBackend?: boolean
}

export interface PageRoutesOptions {
  page: Page
}

/**
 * The files that the page loads. Their names contain digests, so browsers may keep them for ever.
 */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { page }) => {
  if (page.assets === null) return
  const files = await readStaticFiles(page.assets)
  app.get<{ Params: { '*': string } }>(
    '/assets/*',
    { schema: { hide: true } },
    async (request, reply) => {
      const answer = await files.find(request.params['*'], request.headers['accept-encoding'])
      if (!answer) throw new AppError('NOT_FOUND', 'There is nothing here')
      reply.header('cache-control', 'public, max-age=31536000, immutable')
      return sendCached(request, reply, answer)
    },
  )
}
