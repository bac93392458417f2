import { Interrupted } from './failure.ts'
import { run } from './run.ts'
import { createScreen } from './terminal/screen.ts'

const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const

/**
 * Runs the command line with this process's environment and streams, and resolves with the exit
 * code. The first signal lets the command end in order, the second ends the process.
 */
export async function runAsProcess(argv: string[]): Promise<number> {
  const stop = new AbortController()
  let code: number | null = null
  for (const [name, signalCode] of Object.entries(SIGNALS)) {
    process.on(name, () => {
      if (code !== null) process.exit(signalCode)
      code = signalCode
      stop.abort(new Interrupted(name))
    })
  }
  // A reader such as `head` may close the pipe.
  process.stdout.on('error', () => {
    code ??= 1
    stop.abort(new Error('the output is closed'))
  })
  // Without a reader of stderr the command goes on.
  process.stderr.on('error', () => {})
  const screen = createScreen({ out: process.stdout, err: process.stderr })
  const ended = await run(argv, { screen, env: process.env, signal: stop.signal })
  return code ?? ended
}
