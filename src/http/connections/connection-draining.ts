import type { FastifyInstance } from 'fastify'
import type { WorkGate } from '../../core/runtime/work-gate.ts'
import { shuttingDown } from '../../errors.ts'

export interface ConnectionDrainingOptions {
  workGate: Pick<WorkGate, 'takesRequests'>
  /** Milliseconds that running requests get once the server closes. */
  graceMs: number
}

/**
 * Refuses requests with SHUTTING_DOWN while the work gate takes none, except those of other
 * instances, and all requests once the server closes. Connections that are still busy `graceMs`
 * after `close()`, or never sent a request, are cut, because the server would wait for them forever.
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
