import type { Log } from '../../src/core/ports/log.ts'

export interface LogEntry {
  level: keyof Log
  message: string
  fields: object
}

/** A log that remembers what it was told. */
export function createRecordingLog(): Log & { readonly entries: LogEntry[] } {
  const entries: LogEntry[] = []
  const record = (level: keyof Log) => (fields: object, message: string) => {
    entries.push({ level, message, fields })
  }
  return {
    entries,
    debug: record('debug'),
    info: record('info'),
    warn: record('warn'),
    error: record('error'),
  }
}
