import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { diesWithParent } from '../dies-with-parent.ts'

export interface ServerProcess {
  /** What it has printed, for a failure to tell. */
  readonly output: string
  /** Sends the signal; SIGSTOP and SIGCONT too. */
  signal: (signal: NodeJS.Signals) => void
  /** Ends it, and resolves when it is gone. */
  stop: (signal?: NodeJS.Signals) => Promise<void>
}

export interface ServerOptions {
  command: string
  args: string[]
  env?: NodeJS.ProcessEnv
  /** Ids of the user that it runs as; without them this process's own. */
  user?: { uid: number; gid: number } | undefined
  /** Rejects for as long as the server does not answer. */
  answers: () => Promise<unknown>
}

const START_MS = 30_000
const POLL_MS = 25

/** Starts a server of another project, and resolves when it answers. */
export async function startServer(options: ServerOptions): Promise<ServerProcess> {
  const { command, args, env, user, answers } = options
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...user,
  })
  diesWithParent(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-20_000)
    })
  }
  const closed = once(child, 'close')
  const stop = (signal: NodeJS.Signals = 'SIGKILL') => end(child, closed, signal)
  const failed = (): Error => new Error(`${command} did not start: ${output}`)
  for (const until = performance.now() + START_MS; ; ) {
    if (child.exitCode !== null) throw failed()
    try {
      await answers()
      break
    } catch {
      if (performance.now() > until) {
        await stop()
        throw failed()
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
  return {
    get output() {
      return output
    },
    signal: (signal) => void child.kill(signal),
    stop,
  }
}

async function end(
  child: ChildProcess,
  closed: Promise<unknown>,
  signal: NodeJS.Signals,
): Promise<void> {
  child.kill(signal)
  // One that stands still takes no other signal.
  child.kill('SIGCONT')
  await closed
}
