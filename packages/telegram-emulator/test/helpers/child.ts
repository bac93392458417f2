import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { Emulator } from '../../src/emulator.ts'

/** The line that the emulator prints when it runs in a process of its own. */
export type TelegramProcess = Pick<Emulator, 'mtproto' | 'botApi' | 'control' | 'account'>

export interface ChildOptions {
  command: string
  args: readonly string[]
  cwd?: string
  env?: Record<string, string>
}

/**
 * Runs the emulator and returns its first line, parsed; the process ends with the test.
 * Rejects with the last words of its stderr when it ends without a line.
 */
export async function startChild(options: ChildOptions): Promise<TelegramProcess> {
  const { command, args, cwd, env } = options
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await closed
  })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-4_000)
  })
  const line = once(createInterface({ input: child.stdout }), 'line').then(([text]) => String(text))
  const ended = closed.then(() => {
    throw new Error(`the child ended before its first line: ${words}`)
  })
  return JSON.parse(await Promise.race([line, ended]))
}
