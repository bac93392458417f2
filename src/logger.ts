import { type DestinationStream, type LogFn, type Logger, pino } from 'pino'
import { describeError } from './lib/describe-error.ts'
import { createScrubber, type Literal } from './lib/scrub.ts'

/** A path that is none of ours may hold anything, a token for one. */
const UNKNOWN_PATH = '(unknown)'

/**
 * What stands in a path of ours in place of an id may be a token, too, by mistake. Only what looks
 * like an id of an upload is logged: its time and something random, or that of joined parts.
 */
const UPLOAD_ID = /^(?:\d{10,16}_[\w-]{1,64}|joined_[\w-]{43})$/

export interface LoggerOptions {
  level: string
  /** What must not stand in any line, although nothing should write it. */
  hidden?: readonly Literal[]
  /** Where lines go; stdout otherwise. */
  destination?: DestinationStream
  /** The line of an answered request says which one it was, so that it can stand alone. */
  wholeRequests?: boolean
}

/** What is read of a request. */
interface LoggedRequest {
  method?: string
  url?: string
  ip?: string
  routeOptions?: { url?: string | undefined }
}

/** What is read of an answer. */
interface LoggedAnswer {
  statusCode?: number
  request?: LoggedRequest
}

/**
 * JSON lines. Query strings and headers are never logged, because tokens travel in them, and of
 * errors only what `describeError` lets through; every line then passes the scrubber.
 */
export function createLogger(options: LoggerOptions): Logger {
  const { level, hidden = [], destination, wholeRequests = false } = options
  const scrub = createScrubber(hidden)
  const describeRequest = ({ method, url, ip, routeOptions }: LoggedRequest) => ({
    method,
    path: pathOf(url, routeOptions?.url),
    ip,
  })
  const pinoOptions = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: { streamWrite: scrub, logMethod: withoutForeignMessage },
    serializers: {
      req: describeRequest,
      res: ({ statusCode, request }: LoggedAnswer) => ({
        status: statusCode,
        ...(wholeRequests && request && describeRequest(request)),
      }),
      err: (error: unknown) => describeError(error),
      error: (error: unknown) => (error instanceof Error ? describeError(error) : error),
      // The socket's plugin says which address it refuses, query and all.
      path: sayPath,
    },
  }
  return destination ? pino(pinoOptions, destination) : pino(pinoOptions)
}

/** A pattern with a star lets anything through. */
function pathOf(url: string | undefined, pattern: string | undefined): string | undefined {
  if (pattern === undefined) return UNKNOWN_PATH
  if (pattern.includes('*') || url === undefined) return pattern
  const given = url.split(/[?#]/, 1)[0]?.split('/') ?? []
  const segments = pattern.split('/').map((segment, at) => {
    const value = given[at] ?? ''
    return segment.startsWith(':') && UPLOAD_ID.test(value) ? value : segment
  })
  return segments.join('/')
}

/** The backend's own paths are words; any other may hold anything. */
function sayPath(path: unknown): unknown {
  if (typeof path !== 'string') return path
  return /^\/api(?:\/[a-z-]{1,32})+$/.test(path) ? path : UNKNOWN_PATH
}

/** Without a message of ours the logger would take the error's own, as it is. */
function withoutForeignMessage(this: Logger, args: Parameters<LogFn>, method: LogFn): void {
  const [first, ...rest] = args as unknown[]
  const err: unknown = first instanceof Error ? first : Reflect.get(Object(first), 'err')
  if (err instanceof Error && rest.length === 0) method.call(this, { err }, 'a failure')
  else method.apply(this, args)
}
