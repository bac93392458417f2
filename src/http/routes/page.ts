import type { FastifyPluginAsync } from 'fastify'
import { AppError } from '../../errors.ts'
import { sendCached } from '../answers/cached-answer.ts'
import { readKeptFiles } from '../answers/static-files.ts'

/** The page a browser gets at `/`. */
export interface Page {
  html: string
  /** Folder of its scripts, styles and pictures; null when it needs none. */
  assets: string | null
  /** In the demo any token that begins so is good; null where tokens are given out. */
  tokensBeginWith: string | null
}

export interface PageRoutesOptions {
  page: Page
}

/** What the page loads. Its names hold digests of the content, so they may be kept for ever. */
export const pageRoutes: FastifyPluginAsync<PageRoutesOptions> = async (app, { page }) => {
  if (page.assets === null) return
  const files = await readKeptFiles(page.assets)
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
