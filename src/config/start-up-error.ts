import { AppError, StartUpError } from '../errors.ts'

/**
 * Why the worker cannot start, for its operator. Null for an error of no known kind: that is a bug,
 * and needs its stack. Never names a path or a value.
 */
export function sentenceOf(error: unknown): string | null {
  if (error instanceof StartUpError) return error.message
  if (error instanceof AppError) {
    // The rooms leave in a cause what may be said: the system's code, or SQLite's.
    const cause = error.cause instanceof Error ? ` (${sayCause(error.cause)})` : ''
    return `${error.message}${cause}. Look at DATA_DIR`
  }
  if (!(error instanceof Error)) return null
  if ('syscall' in error && 'code' in error) return ofSystem(String(error.code), error.syscall)
  // What node:sqlite throws: `errstr` is SQLite's own sentence for its code.
  if ('errstr' in error) return `DATA_DIR cannot be used: SQLite says "${error.errstr}"`
  return null
}

function ofSystem(code: string, syscall: unknown): string {
  if (code === 'EADDRINUSE') return 'another program listens on PORT already'
  if (syscall === 'listen' || syscall === 'getaddrinfo') {
    return `HOST and PORT cannot be listened on: the system says ${code}`
  }
  return `DATA_DIR cannot be used: the system says ${code}`
}

function sayCause(cause: Error): string {
  return 'errstr' in cause ? String(cause.errstr) : cause.message
}
