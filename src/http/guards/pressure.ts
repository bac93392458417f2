import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { FastifyInstance } from 'fastify'
import { AppError } from '../../errors.ts'
import { containerMemoryBytes, residentBytes } from '../../lib/process-limits.ts'

export interface PressureLimits {
  /** Resident set, bytes; 0: nine tenths of what the container may use. */
  maxRssBytes: number
  /** Mean delay of the event loop over a second, milliseconds. */
  maxEventLoopDelayMs: number
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * The route costs memory or keeps Telegram busy, so it is refused under pressure. All others are
     * always answered: they are cheap, and to cancel or complete an upload makes the load smaller.
     */
    isHeavy?: boolean
  }
}

const SAMPLE_EVERY_MS = 1_000
/** How often the event loop's delay is sampled; a sample that comes later shows the delay. */
const RESOLUTION_MS = 10

/**
 * Refuses heavy calls with BUSY while the process is short of memory or late with its work.
 * Not by @fastify/under-pressure: its sample of the memory ends the process where no file can be
 * opened, that is, under load.
 */
export function installPressure(app: FastifyInstance, limits: PressureLimits): void {
  const pressure = watchPressure(limits)
  app.addHook('onClose', async () => pressure.stop())
  app.addHook('onRequest', async (request) => {
    const cause = pressure.cause()
    if (cause === null || !request.routeOptions.config.isHeavy) return
    request.log.warn({ pressure: cause }, 'refused under load')
    throw new AppError('BUSY', 'The worker has too much to do; try again in a moment', {
      retryAfter: 5,
    })
  })
}

/** Samples memory and event loop once a second. */
function watchPressure({ maxRssBytes, maxEventLoopDelayMs }: PressureLimits) {
  const mostBytes = maxRssBytes || Math.floor(containerMemoryBytes() * 0.9)
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let rssBytes = 0
  let delayMs = 0
  const timer = setInterval(() => {
    rssBytes = residentBytes()
    const meanMs = delays.mean / 1e6 - RESOLUTION_MS
    // Without a sample one turn took longer than a second; the next sample shows how long.
    delayMs = Number.isNaN(meanMs) ? 0 : meanMs
    delays.reset()
  }, SAMPLE_EVERY_MS).unref()
  delays.enable()

  return {
    cause: (): 'memory' | 'event loop' | null => {
      if (rssBytes > mostBytes) return 'memory'
      return delayMs > maxEventLoopDelayMs ? 'event loop' : null
    },
    stop: () => {
      clearInterval(timer)
      delays.disable()
    },
  }
}
