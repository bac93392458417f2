import type { FastifyInstance } from 'fastify'
import type { WorkGate } from '../../core/runtime/work-gate.ts'
import { shuttingDown } from '../../errors.ts'

export interface ConnectionDrainingOptions {
  workGate: Pick<WorkGate, 'takesRequests'>
  /** Milliseconds that running requests get once the server closes. */
  graceMs: number
}

/**
 * Once it takes no more requests, the server refuses them with the contract's 503 and closes their
 * connections; another instance may still ask if Telegram has been let go of. Connections that are
 * busy `graceMs` after `close()`, or that never sent a request, are cut, because it would wait for
 * them forever.
 */
export function installConnectionDraining(
  app: FastifyInstance,
  { workGate, graceMs }: ConnectionDrainingOptions,
): void {
  let closing = false
  app.addHook('onRequest', async ({ routeOptions }) => {
    if (closing) throw shuttingDown()
    if (!workGate.takesRequests && !routeOptions.config.isBetweenInstances) throw shuttingDown()
  })
  app.addHook('preClose', async () => {
    closing = true
    setTimeout(() => app.server.closeAllConnections(), graceMs).unref()
  })
}
