import fastifyStatic from '@fastify/static'
import type { FastifyPluginAsync } from 'fastify'

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
  await app.register(fastifyStatic, {
    root: page.assets,
    prefix: '/assets/',
    decorateReply: false,
    index: false,
    maxAge: '1y',
    immutable: true,
    // The build lays smaller forms beside them.
    preCompressed: true,
  })
}
