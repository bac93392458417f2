import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { diesWithParent } from './dies-with-parent.ts'
import { SOURCE_CONDITION } from './source-condition.ts'

const KEPT_OUTPUT = 40_000

export interface Child {
  /** The last of what it has written. */
  readonly output: () => string
  /** The first whole line of its stdout; rejects when it ends before. */
  readonly firstLine: Promise<string>
  readonly running: () => boolean
  readonly exitCode: () => number | null
  readonly pid: number
  signal: (signal: NodeJS.Signals) => void
  /** Ends it at once, and resolves when it is gone; also one that stands still. */
  kill: () => Promise<void>
  /** Sends the signal, and resolves with the exit code; null where the signal has killed it. */
  end: (signal: NodeJS.Signals) => Promise<number | null>
}

export interface ChildOptions {
  env: Record<string, string>
  args?: readonly string[]
  /** Node's. */
  flags?: readonly string[]
  /** True: it was built, and takes the packages beside the worker as they were built. */
  isBuilt?: boolean
  /** Sees all that it writes. */
  onOutput?: ((text: string) => void) | undefined
}

/** Runs a script, named from the root of the repository, in a process of its own. */
export function startChild(
  path: string,
  { env, args = [], flags = [], isBuilt = false, onOutput }: ChildOptions,
): Child {
  const script = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const conditions = isBuilt ? [] : [SOURCE_CONDITION]
  const child = spawn(process.execPath, [...conditions, ...flags, script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      // Saves most of the time that a restart takes.
      NODE_COMPILE_CACHE: join(tmpdir(), 'telestore-chaos-compiled'),
      ...env,
    },
  })
  diesWithParent(child)
  // Its last words come after its exit.
  const closed = once(child, 'close')
  let open = true
  child.once('close', () => {
    open = false
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-KEPT_OUTPUT)
      onOutput?.(text)
    })
  }
  const firstLine = firstLineOf(child, () => output)
  firstLine.catch(() => {})
  return {
    output: () => output,
    firstLine,
    running: () => open,
    exitCode: () => child.exitCode,
    pid: child.pid ?? 0,
    signal: (signal) => void child.kill(signal),
    kill: async () => {
      child.kill('SIGKILL')
      await closed
    },
    end: async (signal) => {
      child.kill(signal)
      await closed
      return child.exitCode
    },
  }
}

function firstLineOf(child: ChildProcess, output: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (more: string) => {
      text += more
      const end = text.indexOf('\n')
      if (end >= 0) resolve(text.slice(0, end))
    })
    child.once('close', () => reject(new Error(`a process ended too early:\n${output()}`)))
  })
}
