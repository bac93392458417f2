import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Emulator } from 'telegram-emulator'
import { onTestFinished, vi } from 'vitest'
import { registerEnvironment } from '../../secrets/register.ts'
import { trace, traceTest } from '../../secrets/trace.ts'
import { traceAnswersFrom } from '../../secrets/wire.ts'
import { freePort } from '../free-port.ts'
import { SOURCE_CONDITION } from '../source-condition.ts'
import { telegramEnv } from './telestore.ts'

const SERVER = fileURLToPath(new URL('../../../src/server.ts', import.meta.url))

export interface WorkerProcess {
  url: string
  pid: number
  /** Everything it has logged. */
  output: () => string
  /** Sends the signal and resolves with the exit code (null when the signal killed it). */
  stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<number | null>
  /** Whether it still runs. */
  readonly alive: boolean
  /** Resolves when its health check passes. */
  healthy: () => Promise<void>
}

/** The worker as a process of its own, standalone, on the emulator's main account; token `main`. */
export async function startWorkerProcess(
  telegram: Emulator,
  dataDir: string,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<WorkerProcess> {
  const worker = await spawnWorkerProcess(telegram, dataDir, env, flags)
  await worker.healthy()
  return worker
}

/** The same, not waited for. `flags` are Node's. */
export async function spawnWorkerProcess(
  telegram: Emulator,
  dataDir: string,
  env: Record<string, string> = {},
  flags: readonly string[] = [],
): Promise<WorkerProcess> {
  const port = await freePort()
  const { account } = telegram
  const childEnv = {
    PATH: process.env.PATH ?? '',
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? '',
    LOG_LEVEL: 'trace',
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    AUTH_TOKENS: 'main',
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession ?? '',
    TELEGRAM_CHANNEL_ID: account.channelId,
    ...telegramEnv(telegram),
    ...env,
  }
  registerEnvironment(childEnv)
  traceTest()
  const child = spawn(process.execPath, [SOURCE_CONDITION, ...flags, SERVER], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: childEnv,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      trace(text)
    })
  }
  // Its last words come after its exit.
  const closed = once(child, 'close')
  const stop = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> => {
    child.kill(signal)
    await closed
    return child.exitCode
  }
  onTestFinished(async () => void (await stop('SIGKILL')))
  const url = `http://127.0.0.1:${port}`
  child.once('exit', traceAnswersFrom(url))
  return {
    url,
    pid: child.pid ?? 0,
    output: () => output,
    stop,
    get alive() {
      return child.exitCode === null && child.signalCode === null
    },
    healthy: () => vi.waitFor(async () => expectOk(await fetch(`${url}/health`))),
  }
}

function expectOk(response: Response): void {
  if (!response.ok) throw new Error(`health: ${response.status}`)
}
