import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, readFileSync } from 'node:fs'

/** A program that runs beside this one. */
export interface Child {
  readonly name: string
  /** Null: it does not run. */
  readonly pid: number | null
  /** Starts it where it does not run, and resolves when it answers; rejects with why it does not. */
  start: () => Promise<void>
  signal: (signal: NodeJS.Signals) => void
  /** Tells it to end, kills it where it does not in time, and resolves when it has. */
  stop: () => Promise<void>
}

export interface ChildOptions {
  name: string
  command: string
  args: readonly string[]
  env: NodeJS.ProcessEnv
  /** Ids of the user that it runs as; null: this process's own. */
  user?: { uid: number; gid: number } | null
  /** What it writes goes there. */
  logFile: string
  /** The signal that it ends on, without waiting for its clients. */
  endsOn?: NodeJS.Signals
  /** Rejects for as long as it does not answer. */
  answers: () => Promise<unknown>
  startMs?: number
  /** Called when it has ended without having been told to. */
  onEnd: (reason: string) => void
}

const START_MS = 30_000
const STOP_MS = 30_000
const POLL_MS = 50
const TOLD_LINES = 15

export function createChild(options: ChildOptions): Child {
  const { name, command, args, env, user = null, logFile, endsOn = 'SIGTERM' } = options
  const { answers, startMs = START_MS, onEnd } = options
  let child: ChildProcess | null = null
  let isStopping = false

  function launch(): ChildProcess {
    const log = createWriteStream(logFile, { flags: 'a' })
    const launched = spawn(command, args, {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C reaches this process alone, which ends the others in their order.
      detached: true,
      ...user,
    })
    for (const stream of [launched.stdout, launched.stderr]) stream.pipe(log, { end: false })
    launched.on('error', (error) => void log.write(`${error.message}\n`))
    launched.on('close', (code, signal) => {
      log.end()
      child = null
      if (!isStopping) onEnd(signal === null ? `with code ${code}` : `by ${signal}`)
    })
    return launched
  }

  async function untilItAnswers(started: ChildProcess): Promise<void> {
    for (const deadline = performance.now() + startMs; ; ) {
      if (child !== started || isStopping) throw notStarted('has ended')
      try {
        return void (await answers())
      } catch {
        if (performance.now() > deadline) throw notStarted('does not answer')
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  function notStarted(why: string): Error {
    const written = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-TOLD_LINES)
    return new Error([`${name} ${why}. The end of ${logFile}:`, ...written].join('\n  '))
  }

  return {
    name,
    get pid() {
      return child?.pid ?? null
    },
    start: async () => {
      if (child !== null) return
      isStopping = false
      child = launch()
      await untilItAnswers(child)
    },
    signal: (signal) => void child?.kill(signal),
    stop: async () => {
      const ending = child
      isStopping = true
      if (ending === null) return
      const closed = once(ending, 'close')
      ending.kill(endsOn)
      // One that stands still takes no other signal.
      ending.kill('SIGCONT')
      const kill = setTimeout(() => ending.kill('SIGKILL'), STOP_MS)
      await closed
      clearTimeout(kill)
    },
  }
}
