import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { freePort } from '../helpers/free-port.ts'
import {
  type AccountKind,
  addUser,
  type Message,
  startBackendProcess,
  startTelegramProcess,
  type Webhook,
} from '../helpers/peers/peer-processes.ts'
import { type Child, startChild } from '../helpers/source-process.ts'

const START_MS = 60_000

/** What the worker owes and did not give. */
export class Violation extends Error {}

/** Telegram, the backend and the worker, each in a process of its own. */
export interface World {
  readonly url: string
  readonly dataDir: string
  /** Counts up with every start of the worker. */
  readonly generation: number
  /** Resolves once a worker answers. */
  ready: () => Promise<void>
  /** Starts the worker; `ready` says when it answers. `more`: in its environment, from now on. */
  start: (more?: Record<string, string>) => void
  /** `kill -9`. */
  kill: () => Promise<void>
  workerOutput: () => string
  /** A login token of a new user, and the channel of that user. */
  addUser: (
    label: string,
    accountKind: AccountKind,
  ) => Promise<{ token: string; channelId: string }>
  /** Asks the emulator's control address. */
  telegram: (path: string, body?: unknown) => Promise<unknown>
  clearFaults: () => Promise<void>
  calls: (method: string) => Promise<number>
  keysKilled: () => Promise<number>
  messages: (channelId: string) => Promise<Message[]>
  /** The bytes of a document, as the emulator keeps them. */
  documentBytes: (documentId: string) => Promise<Buffer>
  webhooks: () => Promise<Webhook[]>
  /** Reads the ledger, beside the worker or after its death. */
  ledger: <T>(read: (database: DatabaseSync) => T) => T
  close: () => Promise<void>
}

/** Sees what the worker is told to keep to itself, and all that it writes. */
export interface Witness {
  environment: (env: Record<string, string>) => void
  login: (token: string, answer: object) => void
  output: (text: string) => void
}

export async function createWorld(witness?: Witness): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'telestore-chaos-'))
  const dataDir = join(folder, 'worker')
  const [telegram, backend] = await Promise.all([
    startTelegramProcess(join(folder, 'telegram')),
    startBackendProcess(),
  ])
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const env = {
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    BACKEND_URL: backend.url,
    ...telegram.env,
    WEBHOOK_SECRET: 'shared with the backend',
  }
  witness?.environment(env)
  let worker: Child | null = null
  let generation = 0

  async function ready(): Promise<void> {
    for (const deadline = Date.now() + START_MS; ; ) {
      const asked = worker
      const answer = await fetch(`${url}/health`).catch(() => null)
      await answer?.arrayBuffer().catch(() => null)
      if (answer?.ok) return
      if (worker === asked && asked?.exitCode() != null) throw new Violation('it does not start')
      if (Date.now() > deadline) throw new Violation('the worker does not come up')
      await sleep(15)
    }
  }

  return {
    url,
    dataDir,
    ready,
    get generation() {
      return generation
    },
    start: (more = {}) => {
      generation++
      Object.assign(env, more)
      worker = startChild('src/server.ts', { env, onOutput: witness?.output })
    },
    kill: async () => worker?.kill(),
    workerOutput: () => worker?.output() ?? '',
    addUser: async (label, accountKind) => {
      const { login, ...user } = await addUser(telegram, backend, { label, accountKind })
      witness?.login(user.token, login)
      return user
    },
    telegram: telegram.control,
    clearFaults: telegram.clearFaults,
    calls: async (method) => (await telegram.counters()).methods[method]?.calls ?? 0,
    keysKilled: async () => (await telegram.counters()).keysKilled,
    messages: telegram.messages,
    documentBytes: telegram.documentBytes,
    webhooks: backend.webhooks,
    ledger: (read) => {
      const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { timeout: 5_000 })
      try {
        return read(database)
      } finally {
        database.close()
      }
    },
    close: async () => {
      await Promise.all([worker?.kill(), telegram.kill(), backend.kill()])
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
