import type { FastifyInstance, RouteOptions } from 'fastify'
import type { Render } from './documentation-app.ts'

export const DOCS_PATH = '/docs'

/** What the routes say about themselves. */
export interface Documentation {
  /** Every call of the document, such as `GET /health`; a socket is `WS`. */
  endpoints: () => string[]
  /**
   * What Swagger UI answers at a path of its own: the page, its script, the document as JSON or
   * YAML. `root` leads from there to the worker. The first call loads what makes them.
   */
  render: Render
}

/** Gathers what the routes registered after it say. */
export function installDocumentation(app: FastifyInstance): Documentation {
  const routes: RouteOptions[] = []
  let opening: Promise<Render> | null = null
  app.addHook('onRoute', (route) => void routes.push(route))

  /** Swagger and its UI are a tenth of what a start would load, and most workers are never asked. */
  function open(): Promise<Render> {
    opening ??= import('./documentation-app.ts')
      .then(({ openDocumentationApp }) =>
        openDocumentationApp({ routes: routes.filter(isListed), path: DOCS_PATH }),
      )
      .catch((error: unknown) => {
        opening = null
        throw error
      })
    return opening
  }

  return {
    endpoints: () => endpointsOf(routes.filter(isListed)),
    render: async (path, root) => (await open())(path, root),
  }
}

/** HEAD routes are listed where they are our own, and not those that Fastify adds to every GET. */
function isListed({ method, schema, config, ...route }: RouteOptions): boolean {
  if (method === 'HEAD') return config?.swagger?.exposeHeadRoute === true
  // @fastify/websocket hides its routes.
  return schema?.hide !== true || opensSocket(route)
}

function opensSocket(route: object): boolean {
  return Reflect.get(route, 'websocket') === true
}

/** Grouped by their paths, as in the document. */
function endpointsOf(routes: readonly RouteOptions[]): string[] {
  const byPath = Map.groupBy(routes, ({ url }) => url.replace(/:(\w+)/g, '{$1}'))
  return [...byPath].flatMap(([path, found]) =>
    found.flatMap((route) =>
      [route.method].flat().map((method) => `${opensSocket(route) ? 'WS' : method} ${path}`),
    ),
  )
}
