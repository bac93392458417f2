import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { createScreen, type OutputStream } from '../../src/cli/terminal/screen.ts'
import { SOURCE_CONDITION } from '../helpers/source-condition.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { registerEnvironment } from '../secrets/register.ts'
import { registerSecret, trace, traceTest } from '../secrets/trace.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

export interface Ended {
  code: number | null
  stdout: Buffer
  /** Lines of stdout. */
  lines: string[]
  stderr: string
}

export interface CommandOptions {
  url: string
  token?: string
  /** Where it runs. */
  cwd?: string
  /** Where it remembers uploads. */
  cache?: string
}

export interface RunningCommand {
  child: ChildProcess
  ended: Promise<Ended>
}

/** The command line as a process of its own, with its output in pipes. */
export async function startCommand(
  args: string[],
  { url, token = 'token-ann', cwd, cache }: CommandOptions,
): Promise<RunningCommand> {
  registerSecret('login token', token)
  traceTest()
  const child = spawn(process.execPath, [SOURCE_CONDITION, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: cwd ?? (await makeTempDir()),
    env: {
      PATH: process.env.PATH,
      NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
      TELESTORE_URL: url,
      TELESTORE_TOKEN: token,
      XDG_CACHE_HOME: cache ?? (await makeTempDir()),
    },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const output: Buffer[] = []
  let stderr = ''
  child.stdout.on('data', (bytes: Buffer) => output.push(bytes))
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  const ended = once(child, 'close').then(([code]: (number | null)[]): Ended => {
    const stdout = Buffer.concat(output)
    // What a download writes there is the file.
    if (args[0] !== 'download') trace(stdout.toString())
    trace(stderr)
    return { code: code ?? null, stdout, lines: linesOf(stdout.toString()), stderr }
  })
  return { child, ended }
}

export async function runCommand(args: string[], options: CommandOptions): Promise<Ended> {
  const { ended } = await startCommand(args, options)
  return ended
}

/** The same inside this process, for what takes long to load: nothing but the environment given. */
export async function runHere(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; lines: string[]; stderr: string }> {
  const [out, err] = [createSink(), createSink()]
  const screen = createScreen({ out, err })
  const { signal } = new AbortController()
  registerSecrets(env)
  traceTest()
  const code = await run(args, { screen, env, signal })
  // Its operator may read where the data lies.
  trace(`${out.text()}\n${err.text()}`.replaceAll(env.DATA_DIR || 'DATA_DIR', 'DATA_DIR'))
  return { code, lines: linesOf(out.text()), stderr: err.text() }
}

/** All but where the data lies. */
function registerSecrets({ DATA_DIR: _, TELESTORE_TOKEN, ...env }: Record<string, string>): void {
  registerSecret('login token', TELESTORE_TOKEN)
  registerEnvironment(env)
}

export function createSink(options: { isTTY?: boolean; columns?: number } = {}) {
  let written = ''
  const sink: OutputStream & { text: () => string } = {
    ...options,
    text: () => written,
    write: (text, done) => {
      written += text.toString()
      done?.()
      return true
    },
  }
  return sink
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}
