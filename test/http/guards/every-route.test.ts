import { channel } from 'node:diagnostics_channel'
import { type FastifyContextConfig, type FastifyInstance, fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { installConnectionDraining } from '../../../src/http/connections/connection-draining.ts'
import { createFakeGateway } from '../../helpers/peers/fake-gateway.ts'
import { startWorker, testCredentials } from '../../helpers/worker/app.ts'

interface Route {
  /** Such as `GET /download`. */
  name: string
  method: string
  url: string
  config: FastifyContextConfig
}

/** A worker with every route that there is, and the routes as Fastify got them. */
async function start(env: Record<string, string> = {}) {
  const routes: Route[] = []
  const onFastify = (message: unknown): void => {
    // What describes the routes is a second one.
    created.unsubscribe(onFastify)
    const { fastify: app } = message as { fastify: FastifyInstance }
    app.addHook('onRoute', ({ method, url, config = {} }) => {
      for (const each of [method].flat()) {
        // `*` is CORS on every path.
        if (url !== '*') routes.push({ name: `${each} ${url}`, method: each, url, config })
      }
    })
  }
  const created = channel('fastify.initialization')
  created.subscribe(onFastify)
  onTestFinished(() => void created.unsubscribe(onFastify))
  const worker = await startWorker({
    env: { LEDGER_KEY: 'a key of the deployment', ...env },
    gateway: createFakeGateway(),
    credentials: testCredentials,
  })
  return { ...worker, routes }
}

/** Calls a route with a token that is a wrong guess. */
function call(url: string, { method, url: route }: Route, init: RequestInit = {}) {
  const path = route.replace(':uploadId', 'unknown').replace(':userId', 'ann')
  const headers = { authorization: 'Bearer guess', 'tus-resumable': '1.0.0', ...init.headers }
  return fetch(url + path, { method, ...init, headers })
}

/** Calls the routes and returns the names of those that answer with `status`. */
async function answeringWith(status: number, url: string, routes: Route[], init?: RequestInit) {
  const names: string[] = []
  for (const route of routes) {
    const answer = await call(url, route, init)
    await answer.body?.cancel()
    if (answer.status === status) names.push(route.name)
  }
  return names
}

const namesOf = (routes: Route[]) => routes.map(({ name }) => name)

/** What a route says to the guards, such as `heavy, form, token in form`. */
function declared({ isHeavy, takesForm, isHealthCheck, ...config }: FastifyContextConfig): string {
  const { token, uploadId, messageId, opensUpload } = config.presents ?? {}
  return [
    isHeavy && 'heavy',
    takesForm && 'form',
    isHealthCheck && 'health check',
    config.isBetweenInstances && 'between instances',
    config.presents && !token && 'token in header',
    token && `token in ${token}`,
    uploadId && `uploadId in ${uploadId}`,
    messageId && `messageId in ${messageId}`,
    opensUpload && 'opens upload',
  ]
    .filter(Boolean)
    .join(', ')
}

/** The routes that say anything. A route that is not in the table asks for no token and is cheap. */
const DECLARED = {
  'GET /health': 'health check',
  'GET /healthz': 'health check',
  'GET /readyz': 'health check',
  'POST /hand-over': 'between instances',
  'POST /init-upload': 'heavy, token in json, uploadId in json, opens upload',
  'POST /upload-chunk': 'heavy, form, token in form, uploadId in form, opens upload',
  'POST /complete-upload': 'token in json, uploadId in json',
  'GET /upload-status/:uploadId': 'token in header, uploadId in path',
  'PUT /upload-thumbnail/:uploadId': 'heavy, token in header, uploadId in path',
  'POST /cancel-upload': 'token in json, uploadId in json',
  'POST /upload': 'heavy, form, token in form',
  'POST /files': 'heavy, token in header',
  'POST /files/': 'heavy, token in header',
  'HEAD /files/:uploadId': 'token in header, uploadId in path',
  'PATCH /files/:uploadId': 'heavy, token in header, uploadId in path',
  'DELETE /files/:uploadId': 'token in header, uploadId in path',
  'POST /files/:uploadId': 'heavy, token in header, uploadId in path',
  'GET /upload-progress/:uploadId': 'token in query, uploadId in path',
  'GET /ws/:userId': 'token in query',
  'GET /jobs': 'token in query',
  'GET /library': 'token in query',
  'GET /library/:messageId': 'token in query',
  'GET /library/:messageId/thumbnail': 'heavy, token in query',
  'POST /library/rescan': 'token in json',
  'PATCH /library/:messageId': 'token in json',
  'DELETE /library/:messageId': 'token in header',
  'POST /library/folders': 'token in json',
  'PATCH /library/folders': 'token in json',
  'DELETE /library/folders': 'token in header',
  'POST /library/move': 'token in json',
  'POST /library/copy': 'token in json',
  'POST /library/delete': 'token in json',
  'POST /tickets': 'token in json, uploadId in json, messageId in json',
  'DELETE /tickets': 'token in json',
  'HEAD /download': 'token in query, messageId in query',
  'GET /download': 'heavy, token in query, messageId in query',
  'GET /archive': 'heavy, token in query',
  'GET /library/leftovers': 'token in query',
  'POST /shares': 'token in json',
  'GET /shares': 'token in query',
  'PATCH /shares/:id': 'token in json',
  'DELETE /shares/:id': 'token in json',
  'GET /s/:id': 'heavy',
  'GET /s/:id/archive': 'heavy',
  'GET /s/:id/files/:messageId': 'heavy',
  'GET /s/:id/files/:messageId/thumbnail': 'heavy',
}

/** Routes that ask for no token, are answered under any load, and take no form. */
const OPEN = [
  'GET /',
  'GET /assets/*',
  'GET /metrics',
  'OPTIONS /files',
  'OPTIONS /files/',
  'POST /s/:id/password',
]

test('every route says what the guards need, or is known to need none', async () => {
  const { routes } = await start()
  const own = routes.filter(({ method, url }) => {
    const isAddedHead = method === 'HEAD' && routes.some((each) => each.name === `GET ${url}`)
    return !url.startsWith('/docs') && (!isAddedHead || url === '/download')
  })

  const saying = own.flatMap(({ name, config }) =>
    declared(config) === '' ? [] : [[name, declared(config)]],
  )
  const silent = own.filter(({ config }) => declared(config) === '').map(({ name }) => name)

  expect(Object.fromEntries(saying)).toEqual(DECLARED)
  expect(silent.toSorted()).toEqual([...OPEN, 'OPTIONS /files/:uploadId'].toSorted())
})

test('under pressure exactly the heavy routes are refused', async () => {
  const { url, routes } = await start({ MAX_RSS_BYTES: '1MB' })
  const heavy = routes.filter(({ config }) => config.isHeavy)
  await vi.waitFor(async () => {
    expect(await answeringWith(503, url, heavy.slice(0, 1))).toHaveLength(1)
  })

  // A health check answers 503 for reasons of its own.
  const others = routes.filter(({ config }) => !config.isHealthCheck)
  const refused = await answeringWith(503, url, others)

  expect(refused).toEqual(namesOf(heavy))
})

test('a form is refused with 415 by every route that reads a body and takes no form', async () => {
  const { url, routes } = await start()
  const headers = {
    authorization: 'Bearer token-ann',
    'content-type': 'multipart/form-data; boundary=x',
    'upload-length': '3',
    'x-http-method-override': 'PATCH',
  }
  const readsBody = routes.filter(({ name, method }) => {
    // Two routes read no form by other means: one checks a signature, one reads no body.
    const isOther = name === 'POST /hand-over' || name === 'DELETE /files/:uploadId'
    return ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method) && !isOther
  })

  const refusing = await answeringWith(415, url, readsBody, { headers, body: '--x' })

  expect(refusing).toEqual(namesOf(readsBody.filter(({ config }) => !config.takesForm)))
})

test('once its guesses are used up, an address is refused by every route that takes a token', async () => {
  const { url, routes } = await start({ MAX_FAILURES_PER_MINUTE: '3' })
  for (let guess = 0; guess < 3; guess++) {
    await fetch(`${url}/jobs`, { headers: { authorization: `Bearer guess-${guess}` } })
  }

  const refusing = await answeringWith(429, url, routes)

  // A route between instances takes a signature instead of a token.
  const expected = routes.filter(({ config }) => config.presents || config.isBetweenInstances)
  expect(refusing).toEqual(namesOf(expected))
})

test('while no work is taken, a route answers only if it is between instances', async () => {
  const app = fastify()
  onTestFinished(() => app.close())
  installConnectionDraining(app, { workGate: { takesRequests: false }, graceMs: 0 })
  const configs = {
    plain: {},
    heavy: { isHeavy: true },
    health: { isHealthCheck: true },
    instances: { isBetweenInstances: true },
  }
  for (const [name, config] of Object.entries(configs)) app.get(`/${name}`, { config }, () => name)
  const url = await app.listen({ port: 0, host: '127.0.0.1' })

  const answers = Object.keys(configs).map((name) => fetch(`${url}/${name}`))

  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(statuses).toEqual([503, 503, 503, 200])
})
