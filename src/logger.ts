import { type DestinationStream, type Logger, pino } from 'pino'
import { describeError } from './lib/describe-error.ts'
import { createScrubber, type Literal } from './lib/scrub.ts'

/** A path that is none of ours may hold anything, a token for one. */
const UNKNOWN_PATH = '(unknown)'

export interface LoggerOptions {
  level: string
  /** What must not stand in any line, although nothing should write it. */
  hidden?: readonly Literal[]
  /** Where lines go; stdout otherwise. */
  destination?: DestinationStream
}

/** What is read of a request. */
interface LoggedRequest {
  method?: string
  url?: string
  ip?: string
  routeOptions?: { url?: string | undefined }
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
      req: ({ method, url, ip, routeOptions }: LoggedRequest) => ({
        method,
        path: routeOptions?.url === undefined ? UNKNOWN_PATH : url?.split(/[?#]/, 1)[0],
        ip,
      }),
      res: (reply: { statusCode?: number }) => ({ status: reply.statusCode }),
      err: (error: unknown) => describeError(error),
    },
  }
  return destination ? pino(options, destination) : pino(options)
}
