import underPressure from '@fastify/under-pressure'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { AppError } from '../errors.ts'
import { containerMemoryBytes } from '../lib/container-memory.ts'

export interface PressureLimits {
  /** Resident set, bytes; 0: nine tenths of what the container may use. */
  maxRssBytes: number
  /** Mean delay of the event loop over a second, milliseconds. */
  maxEventLoopDelayMs: number
}

/**
 * What costs memory or keeps Telegram busy. The rest is answered under any load: it is cheap, and
 * a client that polls its progress, cancels or completes makes the load smaller.
 */
const HEAVY = new Set([
  'POST /init-upload',
  'POST /upload-chunk',
  'POST /upload',
  'GET /download',
  'POST /files',
  'POST /files/',
  'PATCH /files/:uploadId',
])

/** Refuses heavy calls with BUSY while the process is short of memory or late with its work. */
export async function installPressure(app: FastifyInstance, limits: PressureLimits): Promise<void> {
  await app.register(underPressure, {
    maxRssBytes: limits.maxRssBytes || Math.floor(containerMemoryBytes() * 0.9),
    maxEventLoopDelay: limits.maxEventLoopDelayMs,
    pressureHandler: async (request: FastifyRequest, _reply, type: string, value) => {
      // No sample at all in a second says only that one turn was long: the next one tells how long.
      if (value === Number.POSITIVE_INFINITY) return
      if (!HEAVY.has(`${request.method} ${request.routeOptions.url}`)) return
      request.log.warn({ pressure: type }, 'refused under load')
      throw new AppError('BUSY', 'The worker has too much to do; try again in a moment', {
        retryAfter: 5,
      })
    },
  })
}
