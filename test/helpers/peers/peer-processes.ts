import { randomInt } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isFreePort } from '../free-port.ts'
import { startChild } from '../source-process.ts'

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
  partsReceived: z.int(),
  methods: z.record(z.string(), z.object({ calls: z.int() })),
})

export type Webhook = z.infer<typeof Webhooks>[number]
export type Message = z.infer<typeof Messages>[number]
/** `bot alone` has no api_id: it has the Bot API and nothing else. */
export type AccountKind = 'user' | 'both' | 'bot' | 'bot alone'

/** The emulator in a process of its own. */
export interface TelegramProcess {
  readonly pid: number
  /** Every port of it that a worker uses. */
  readonly ports: readonly number[]
  /** What tells a worker where it is. */
  readonly env: Record<string, string>
  /** Asks its control address: POST where there is a body. */
  control: (path: string, body?: unknown) => Promise<unknown>
  clearFaults: () => Promise<void>
  counters: () => Promise<z.infer<typeof Counters>>
  messages: (channelId: string) => Promise<Message[]>
  /** The bytes of a document, as it keeps them. */
  documentBytes: (documentId: string) => Promise<Buffer>
  kill: () => Promise<void>
}

/** The backend in a process of its own. */
export interface BackendProcess {
  readonly url: string
  addLogin: (token: string, answer: object) => Promise<void>
  /** All webhooks that came. */
  webhooks: () => Promise<Webhook[]>
  kill: () => Promise<void>
}

export interface AddedUser {
  token: string
  channelId: string
  /** What the backend answers for the token. */
  login: object
}

/** Starts the emulator with its files in the folder; it holds the worker to the letter. */
export async function startTelegramProcess(folder: string): Promise<TelegramProcess> {
  await mkdir(folder, { recursive: true })
  const basePort = await freeRange()
  const child = startChild('packages/telegram-emulator/src/main.ts', {
    env: { DATA_DIR: folder },
    args: ['--base-port', String(basePort)],
  })
  const { mtproto, botApi, control } = EmulatorLine.parse(JSON.parse(await child.firstLine))
  const { dcId, host, port, publicKeyPem } = mtproto
  const at = (path: string): string => `${control.root}${path}`
  await ask(at('/settings'), { strictSessions: true })
  return {
    pid: child.pid,
    ports: [
      ...Array.from({ length: MTPROTO_PORTS }, (_, index) => basePort + index),
      Number(new URL(botApi.root).port),
    ],
    env: {
      TELEGRAM_BOT_API_ROOT: botApi.root,
      TELEGRAM_SERVER_KEY: publicKeyPem,
      TELEGRAM_SERVER: `${dcId}@${host}:${port}`,
    },
    control: (path, body) => ask(at(path), body),
    clearFaults: async () => void (await ask(at('/faults'), undefined, 'DELETE')),
    counters: async () => Counters.parse(await ask(at('/counters'))),
    messages: async (channelId) =>
      Messages.parse(await ask(at(`/messages?channelId=${channelId}`))),
    documentBytes: (documentId) => readFile(join(folder, 'documents', documentId)),
    kill: child.kill,
  }
}

export async function startBackendProcess(): Promise<BackendProcess> {
  const child = startChild('test/helpers/peers/backend-process-main.ts', { env: {} })
  const { url, control } = BackendLine.parse(JSON.parse(await child.firstLine))
  return {
    url,
    addLogin: async (token, answer) => void (await ask(control, { token, answer })),
    webhooks: async () => Webhooks.parse(await ask(control)),
    kill: child.kill,
  }
}

/** Makes an account at Telegram, and its user known to the backend. */
export async function addUser(
  telegram: TelegramProcess,
  backend: BackendProcess,
  { label, accountKind }: { label: string; accountKind: AccountKind },
): Promise<AddedUser> {
  const withUser = accountKind === 'user' || accountKind === 'both'
  const wanted = { label, withUser, withBot: accountKind !== 'user' }
  const account = Account.parse(await telegram.control('/accounts', wanted))
  const token = `login-of-${label}`
  const login = {
    user_id: label,
    backend_url: backend.url,
    bot_token: account.botToken,
    channel_id: account.channelId,
    telegram_session: account.telethonSession,
    telegram_api_id: accountKind === 'bot alone' ? null : account.apiId,
    telegram_api_hash: accountKind === 'bot alone' ? null : account.apiHash,
  }
  await backend.addLogin(token, login)
  return { token, channelId: account.channelId, login }
}

async function ask(address: string, body?: unknown, method = body ? 'POST' : 'GET') {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) }
  const response = await fetch(address, init)
  if (!response.ok) throw new Error(`control: ${response.status} ${await response.text()}`)
  return response.json()
}

/** The emulator takes this many in a row, below what a string session can hold. */
const MTPROTO_PORTS = 5
const [FIRST_PORT, LAST_PORT] = [20_000, 32_000]

async function freeRange(): Promise<number> {
  for (;;) {
    const base = randomInt(FIRST_PORT, LAST_PORT)
    const range = Array.from({ length: MTPROTO_PORTS }, (_, index) => base + index)
    const free = await Promise.all(range.map(isFreePort))
    if (free.every(Boolean)) return base
  }
}
