import { type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './lib/describe-error.ts'
import { createScrubber, type Literal } from './lib/scrub.ts'

/** Longer paths are somebody's attack. */
const MAX_PATH = 256

export interface LoggerOptions {
  level: string
  /** What must not stand in any line, although nothing should write it. */
  hidden?: readonly Literal[]
  /** Where lines go; stdout otherwise. */
  destination?: DestinationStream
}

/**
 * JSON lines. Query strings and headers are never logged, because tokens travel in them, and of
 * errors only what `describeError` lets through; every line then passes the scrubber.
 */
export function createLogger({ level, hidden = [], destination }: LoggerOptions): Logger {
  const scrub = createScrubber(hidden)
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: { streamWrite: scrub },
    serializers: {
      req: (request: { method?: string; url?: string; ip?: string }) => ({
        method: request.method,
        path: request.url?.split(/[?#]/, 1)[0]?.slice(0, MAX_PATH),
        ip: request.ip,
      }),
      res: (reply: { statusCode?: number }) => ({ status: reply.statusCode }),
      err: (error: unknown) => describeError(error),
    },
  }
  return destination ? pino(options, destination) : pino(options)
}
