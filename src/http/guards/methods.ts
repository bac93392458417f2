import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'

/**
 * Refuses a method that a path does not have with 405 and `Allow` (RFC 9110, section 15.5.6) rather
 * than say that the path is not there. Install it before the routes, which it listens to.
 */
export function installMethods(app: FastifyInstance): void {
  const routes = new Map<string, Set<string>>()

  app.addHook('onRoute', ({ url, method, config }) => {
    // `*` is CORS on every path. A route between instances must look as if it did not exist.
    if (url === '*' || config?.isBetweenInstances) return
    const methods = routes.get(url) ?? new Set(['OPTIONS'])
    for (const each of [method].flat()) methods.add(each)
    routes.set(url, methods)
  })

  // In onRequest, because no route would read the body.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    const [path = ''] = request.url.split('?')
    const found = [...routes].filter(([url]) => fits(path, url))
    const methods = new Set(found.flatMap(([, each]) => [...each]))
    if (methods.size === 0 || methods.has(request.method)) return
    reply.header('allow', [...methods].join(', '))
    throw new AppError('METHOD_NOT_ALLOWED', `There is no ${request.method} here`)
  })
}

/** Whether a path is one of a route's, whose segments are text, `:names`, or `*` at its end. */
function fits(path: string, route: string): boolean {
  const segments = path.split('/')
  const wanted = route.split('/')
  if (wanted.at(-1) !== '*' && wanted.length !== segments.length) return false
  return wanted.every((want, at) => {
    const segment = segments[at]
    return want === '*'
      ? segment !== undefined
      : want.startsWith(':')
        ? !!segment
        : want === segment
  })
}
