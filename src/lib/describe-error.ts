/** As much of an error as a log may have. */
export interface ErrorDescription {
  type: string
  message: string
  code?: string
  /** Where it was thrown: the names of source files. */
  stack?: string
  cause?: ErrorDescription
  errors?: ErrorDescription[]
}

const MAX_DEPTH = 6
const MAX_ERRORS = 5
const MAX_MESSAGE = 2_000

/**
 * Describes an error by the few fields that are known to be harmless. All others are left out,
 * because libraries hang their URLs, requests, options and paths on them; a system error's message
 * ends with the path, so only its code and call are told.
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error, message: 'not an error' }
  const message = messageOf(error)
  const code = textOf(error, 'code')
  const stack = framesOf(error)
  const deeper = depth < MAX_DEPTH
  const errors = deeper && error instanceof AggregateError ? error.errors : []
  return {
    type: error.name,
    message,
    ...(code !== null && { code }),
    ...(stack !== '' && { stack: `${error.name}: ${message}\n${stack}` }),
    ...(deeper && error.cause !== undefined && { cause: describeError(error.cause, depth + 1) }),
    ...(errors.length > 0 && {
      errors: errors.slice(0, MAX_ERRORS).map((each) => describeError(each, depth + 1)),
    }),
  }
}

function messageOf(error: Error): string {
  const call = textOf(error, 'syscall')
  const isOfFiles = 'path' in error || 'dest' in error
  if (call !== null && isOfFiles) return `${textOf(error, 'code') ?? 'failure'}: ${call}`
  return error.message.slice(0, MAX_MESSAGE)
}

/** The lines of the stack that name places; those before them repeat the message. */
function framesOf({ stack = '' }: Error): string {
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n')
}

function textOf(error: Error, name: string): string | null {
  const value: unknown = Reflect.get(error, name)
  return typeof value === 'string' ? value : null
}
