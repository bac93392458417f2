import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { SOURCE_CONDITION } from './source-condition.ts'

export interface Child {
  /** Whole lines of its stdout so far. */
  readonly lines: readonly string[]
  readonly errors: string
  /** Ends it at once, and resolves when it is gone. */
  kill: () => Promise<void>
}

/** Runs a TypeScript file of test/helpers in a process of its own, which ends with the test. */
export function startChild(name: string, args: string[]): Child {
  const path = fileURLToPath(new URL(name, import.meta.url))
  const child = spawn(process.execPath, [SOURCE_CONDITION, path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const closed = once(child, 'close')
  const kill = (): Promise<void> => end(child, closed)
  onTestFinished(kill)
  return {
    kill,
    get lines() {
      return output.split('\n').slice(0, -1)
    },
    get errors() {
      return errors
    },
  }
}

async function end(child: ChildProcess, closed: Promise<unknown>): Promise<void> {
  child.kill('SIGKILL')
  await closed
}
