/** The used part of a stream of the process. */
export interface OutputStream {
  readonly isTTY?: boolean
  readonly columns?: number
  write: (text: string | Uint8Array, done?: (error?: Error | null) => void) => boolean
}

/** Results go to stdout, everything else to stderr. */
export interface Screen {
  /** Whether bars can be drawn. */
  readonly isTerminal: boolean
  readonly columns: number
  /** One line of the result. */
  print: (text: string) => void
  /** One line for a person. */
  say: (text: string) => void
  /** Draws these lines over the ones drawn last. Without lines it removes those. */
  draw: (lines: readonly string[]) => void
  /** Writes bytes of a file to stdout. Resolves when they are written. */
  write: (bytes: Uint8Array) => Promise<void>
}

export function createScreen({ out, err }: { out: OutputStream; err: OutputStream }): Screen {
  let drawn = 0
  const isTerminal = err.isTTY === true

  function wipe(): void {
    if (drawn > 0) err.write(`\u001b[${drawn}A\u001b[0J`)
    drawn = 0
  }

  return {
    isTerminal,
    get columns() {
      return err.columns ?? 80
    },
    print: (text) => {
      wipe()
      out.write(`${text}\n`)
    },
    say: (text) => {
      wipe()
      err.write(`${text}\n`)
    },
    draw: (lines) => {
      if (!isTerminal) return
      const up = drawn > 0 ? `\u001b[${drawn}A` : ''
      const text = lines.map((line) => `\u001b[2K${line}\n`).join('')
      err.write(`${up}${text}${lines.length < drawn ? '\u001b[0J' : ''}`)
      drawn = lines.length
    },
    write: (bytes) =>
      new Promise((resolve, reject) => {
        out.write(bytes, (error) => (error ? reject(error) : resolve()))
      }),
  }
}
