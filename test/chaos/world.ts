import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { sleep } from '../../src/lib/waiting/sleep.ts'
import { freePort } from '../helpers/free-port.ts'
import { type Child, startChild } from './child.ts'

const START_MS = 60_000

/** What the worker owes and did not give. */
export class Violation extends Error {}

const EmulatorLine = z.object({
  mtproto: z.object({ dcId: z.int(), host: z.string(), port: z.int(), publicKeyPem: z.string() }),
  botApi: z.object({ root: z.string() }),
  control: z.object({ root: z.string() }),
})
const BackendLine = z.object({ url: z.string(), control: z.string() })
const Account = z.object({
  label: z.string(),
  apiId: z.int(),
  apiHash: z.string(),
  telethonSession: z.string().nullable(),
  botToken: z.string().nullable(),
  channelId: z.string(),
})
const Webhooks = z.array(
  z.object({
    key: z.string(),
    payload: z.object({ fileName: z.string(), messageId: z.int(), size: z.int() }),
  }),
)
const Messages = z.array(
  z.object({
    id: z.int(),
    documentId: z.string(),
    fileName: z.string(),
    caption: z.string(),
    size: z.int(),
    sha256: z.string(),
  }),
)
const Counters = z.object({
  keysKilled: z.int(),
  methods: z.record(z.string(), z.object({ calls: z.int() })),
})

export type Webhook = z.infer<typeof Webhooks>[number]
export type Message = z.infer<typeof Messages>[number]
/** `bot alone` has no api_id: it has the Bot API and nothing else. */
export type AccountKind = 'user' | 'both' | 'bot' | 'bot alone'

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
  await mkdir(join(folder, 'telegram'))
  const emulator = startChild('packages/telegram-emulator/src/main.ts', {
    DATA_DIR: join(folder, 'telegram'),
  })
  const backend = startChild('test/chaos/backend-child.ts', {})
  const telegram = EmulatorLine.parse(JSON.parse(await emulator.firstLine))
  const backendAt = BackendLine.parse(JSON.parse(await backend.firstLine))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const { dcId, host, port: mtprotoPort, publicKeyPem } = telegram.mtproto
  const env = {
    PORT: String(port),
    HOST: '127.0.0.1',
    DATA_DIR: dataDir,
    BACKEND_URL: backendAt.url,
    TELEGRAM_BOT_API_ROOT: telegram.botApi.root,
    TELEGRAM_SERVER_KEY: publicKeyPem,
    TELEGRAM_SERVER: `${dcId}@${host}:${mtprotoPort}`,
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

  async function ask(address: string, body?: unknown, method = body ? 'POST' : 'GET') {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
    const response = await fetch(address, init)
    if (!response.ok) throw new Error(`control: ${response.status} ${await response.text()}`)
    return response.json()
  }
  const atTelegram = (path: string, body?: unknown): Promise<unknown> =>
    ask(`${telegram.control.root}${path}`, body)
  const counters = async () => Counters.parse(await atTelegram('/counters'))
  // The worker keeps to the letter of what Telegram demands of clients.
  await atTelegram('/settings', { strictSessions: true })

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
      worker = startChild('src/server.ts', env, witness?.output)
    },
    kill: async () => worker?.kill(),
    workerOutput: () => worker?.output() ?? '',
    addUser: async (label, accountKind) => {
      const withUser = accountKind === 'user' || accountKind === 'both'
      const wanted = { label, withUser, withBot: accountKind !== 'user' }
      const account = Account.parse(await atTelegram('/accounts', wanted))
      const token = `login-of-${label}`
      const answer = {
        user_id: label,
        backend_url: backendAt.url,
        bot_token: account.botToken,
        channel_id: account.channelId,
        telegram_session: account.telethonSession,
        telegram_api_id: accountKind === 'bot alone' ? null : account.apiId,
        telegram_api_hash: accountKind === 'bot alone' ? null : account.apiHash,
      }
      witness?.login(token, answer)
      await ask(backendAt.control, { token, answer })
      return { token, channelId: account.channelId }
    },
    telegram: atTelegram,
    clearFaults: async () =>
      void (await ask(`${telegram.control.root}/faults`, undefined, 'DELETE')),
    calls: async (method) => (await counters()).methods[method]?.calls ?? 0,
    keysKilled: async () => (await counters()).keysKilled,
    messages: async (channelId) =>
      Messages.parse(await atTelegram(`/messages?channelId=${channelId}`)),
    documentBytes: (documentId) => readFile(join(folder, 'telegram', 'documents', documentId)),
    webhooks: async () => Webhooks.parse(await ask(backendAt.control)),
    ledger: (read) => {
      const database = new DatabaseSync(join(dataDir, 'ledger.sqlite'), { timeout: 5_000 })
      try {
        return read(database)
      } finally {
        database.close()
      }
    },
    close: async () => {
      await Promise.all([worker, emulator, backend].map((child) => child?.kill()))
      await rm(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
