import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SOURCE_CONDITION } from '../helpers/source-condition.ts'

const KEPT_OUTPUT = 40_000

export interface Child {
  /** The last of what it has written. */
  readonly output: () => string
  /** The first whole line of its stdout; rejects when it ends before. */
  readonly firstLine: Promise<string>
  readonly running: () => boolean
  readonly exitCode: () => number | null
  /** Ends it at once, and resolves when it is gone. */
  kill: () => Promise<void>
}

/**
 * Runs a TypeScript file, named from the root of the repository, in a process of its own.
 * `onOutput` sees all that it writes.
 */
export function startChild(
  path: string,
  env: Record<string, string>,
  onOutput?: (text: string) => void,
): Child {
  const script = fileURLToPath(new URL(`../../${path}`, import.meta.url))
  const child = spawn(process.execPath, [SOURCE_CONDITION, script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      // Saves most of the time that a restart takes.
      NODE_COMPILE_CACHE: join(tmpdir(), 'telestore-chaos-compiled'),
      ...env,
    },
  })
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
    kill: async () => {
      child.kill('SIGKILL')
      await closed
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
