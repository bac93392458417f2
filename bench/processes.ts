import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../test/helpers/free-port.ts'
import { SOURCE_CONDITION } from '../test/helpers/source-condition.ts'

/** Linux counts CPU time in these; USER_HZ is 100 wherever Node runs. */
const TICKS_PER_SECOND = 100

export interface Usage {
  /** User and system time, seconds. */
  cpu: number
  /** Resident set, bytes. */
  rss: number
}

export interface Process {
  readonly pid: number
  usage: () => Usage
  stop: () => Promise<void>
}

/** CPU and memory of a process, from /proc. */
export function usageOf(pid: number): Usage {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
  return { cpu: ticks / TICKS_PER_SECOND, rss: rssKb * 1024 }
}

/**
 * Starts a Node program of this repository in a process of its own; `enter` is a shell command that
 * puts it under some limit first.
 */
export function startNode(
  args: string[],
  env: Record<string, string>,
  enter?: string,
): ChildProcess {
  const [program, all] =
    enter === undefined
      ? [process.execPath, [SOURCE_CONDITION, ...args]]
      : ['/bin/sh', ['-c', `${enter}; exec "$0" "$@"`, process.execPath, SOURCE_CONDITION, ...args]]
  return spawn(program, all, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Runs a program with one JSON argument to its end; resolves with the JSON line it prints. */
export async function runNode<T>(path: string, task: object, enter?: string): Promise<T> {
  const child = startNode([path, JSON.stringify(task)], {}, enter)
  const [line] = await Promise.all([firstLine(child), once(child, 'exit')])
  return JSON.parse(line)
}

function asProcess(child: ChildProcess): Process {
  const { pid } = child
  if (pid === undefined) throw new Error('the process did not start')
  return {
    pid,
    usage: () => usageOf(pid),
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
    },
  }
}

export interface EmulatorLine {
  mtproto: { host: string; port: number; dcId: number; publicKeyPem: string }
  botApi: { root: string }
  control: { root: string }
  account: {
    apiId: number
    apiHash: string
    session: string
    telethonSession: string
    botToken: string
    channelId: string
  }
}

export interface EmulatorProcess extends Process, EmulatorLine {
  /** Calls the control endpoint. */
  callControl: (method: string, path: string, body?: unknown) => Promise<unknown>
}

/** Starts the emulator beside the bench; its folder goes with it. */
export async function startTelegramProcess(): Promise<EmulatorProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-telegram-'))
  const child = startNode(['packages/telegram-emulator/src/main.ts'], { DATA_DIR: folder })
  const line = await firstLine(child)
  const about: EmulatorLine = JSON.parse(line)
  const started = asProcess(child)
  return {
    ...started,
    ...about,
    callControl: async (method, path, body) => {
      const response = await fetch(`${about.control.root}${path}`, {
        method,
        ...(body !== undefined && {
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`)
      return text === '' ? null : JSON.parse(text)
    },
    stop: async () => {
      await started.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function firstLine(child: ChildProcess): Promise<string> {
  if (!child.stdout) throw new Error('the process has no output')
  for await (const line of createInterface({ input: child.stdout })) return line
  throw new Error('the process ended before it was ready')
}

export interface WorkerProcess extends Process {
  url: string
  token: string
}

/** Starts the built worker in standalone mode against an emulator; `npm run build` comes first. */
export async function startWorkerProcess(
  emulator: EmulatorLine,
  env: Record<string, string> = {},
  enter?: string,
): Promise<WorkerProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'bench-worker-'))
  const port = await freePort()
  const { account, mtproto, botApi } = emulator
  // The command line of the Dockerfile.
  const flags = [
    '--max-semi-space-size=2',
    '--initial-old-space-size=64',
    '--max-old-space-size=256',
  ]
  const settings = {
    NODE_ENV: 'production',
    MALLOC_ARENA_MAX: '2',
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: folder,
    LOG_LEVEL: 'warn',
    AUTH_TOKENS: 'bench',
    TELEGRAM_API_ID: String(account.apiId),
    TELEGRAM_API_HASH: account.apiHash,
    TELEGRAM_SESSION: account.telethonSession,
    TELEGRAM_CHANNEL_ID: account.channelId,
    TELEGRAM_BOT_API_ROOT: botApi.root,
    TELEGRAM_SERVER_KEY: mtproto.publicKeyPem,
    TELEGRAM_SERVER: `${mtproto.dcId}@${mtproto.host}:${mtproto.port}`,
    ...env,
  }
  const child = startNode(['--enable-source-maps', ...flags, 'dist/server.js'], settings, enter)
  child.stdout?.pipe(process.stderr)
  const started = asProcess(child)
  const url = `http://127.0.0.1:${port}`
  await untilHealthy(url)
  return {
    ...started,
    url,
    token: 'bench',
    stop: async () => {
      await started.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function untilHealthy(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    )
    if (healthy) return
    if (tries > 200) throw new Error('the worker did not start')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
