import type { Log } from '../../src/core/log.ts'

/** A log for tests that prints nothing and remembers everything. */
export interface RememberingLog extends Log {
  readonly lines: readonly { level: string; fields: object; message: string }[]
}

export function createSilentLog(): RememberingLog {
  const lines: { level: string; fields: object; message: string }[] = []
  const note =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, fields, message })
    }
  return {
    lines,
    debug: note('debug'),
    info: note('info'),
    warn: note('warn'),
    error: note('error'),
  }
}
