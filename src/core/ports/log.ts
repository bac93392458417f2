/** What core and the rooms around it log to; pino satisfies it. Fields never hold secrets. */
export interface Log {
  debug: (fields: object, message: string) => void
  info: (fields: object, message: string) => void
  warn: (fields: object, message: string) => void
  error: (fields: object, message: string) => void
}
