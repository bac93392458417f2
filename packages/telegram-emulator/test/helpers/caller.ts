import { onTestFinished } from 'vitest'
import { createAccount } from '../../src/accounts.ts'
import { createRpcHandler } from '../../src/api/handler.ts'
import { createSessionRules } from '../../src/api/session-rules.ts'
import type { Telegram } from '../../src/context.ts'
import type { EmulatedAccount, EmulatorOptions } from '../../src/contract.ts'
import { type Actions, createActions } from '../../src/faults/actions.ts'
import type { EmulatorSettings } from '../../src/settings.ts'
import { createTelegram } from '../../src/telegram.ts'
import type {
  Connection,
  ListenerRole,
  RpcHandler,
  RpcOutcome,
  TlObject,
  TlValue,
} from '../../src/types.ts'
import { makeSharedKey } from './telegram.ts'
import { makeTempDir } from './temp-dir.ts'

export type Fields = Record<string, TlValue>

/** One connection of a client that needs no sockets. */
export interface ApiClient {
  connection: Connection
  /** The updates that were pushed to it. */
  pushed: TlObject[]
  /** Calls with the wrappers of a client's first call, or with the given ones. */
  call: (method: string, fields?: Fields, wrappers?: readonly TlObject[]) => Promise<RpcOutcome>
  /** Returns the result; rejects with Telegram's error. */
  invoke: (method: string, fields?: Fields) => Promise<TlObject>
  close: () => void
}

export interface Caller {
  telegram: Telegram
  actions: Actions
  handler: RpcHandler
  account: EmulatedAccount
  /** Opens a connection under a key; the main account's by default. */
  open: (authKeyId?: string, role?: Partial<ListenerRole>) => ApiClient
  user: ApiClient
  /** A connection that is logged in as the main account's bot. */
  bot: () => Promise<ApiClient>
}

/** The API half of the emulator alone, called as the protocol half would call it. */
export async function createCaller(
  settings: Partial<EmulatorSettings> = {},
  { dataDir, deduplicate }: Pick<EmulatorOptions, 'dataDir' | 'deduplicate'> = {},
): Promise<Caller> {
  const telegram = createTelegram({
    dataDir: dataDir ?? (await makeTempDir()),
    deduplicate,
    settings,
    makeKey: makeSharedKey,
  })
  for (const [dcId, mediaOnly] of ADDRESSES)
    telegram.addresses.push({ dcId, mediaOnly, host: '127.0.0.1', port: 20_001, cdn: dcId === 203 })
  const rules = createSessionRules(telegram)
  const handler = createRpcHandler(telegram, rules)
  const actions = createActions(telegram, rules)
  const account = createAccount(telegram, { label: 'main' })
  onTestFinished(async () => {
    actions.close()
    await telegram.parts.close()
    telegram.store.close()
  })
  const open = (authKeyId = account.authKeyId ?? '', role: Partial<ListenerRole> = {}): ApiClient =>
    openClient(handler, {
      authKeyId,
      role: { dcId: 2, mediaOnly: false, ...role },
      wrappers: introductionOf(account.apiId),
    })
  return {
    telegram,
    actions,
    handler,
    account,
    open,
    user: open(),
    bot: async () => {
      const client = open(telegram.store.keys.create(2).id)
      await client.invoke('auth.importBotAuthorization', {
        api_id: account.apiId,
        api_hash: account.apiHash,
        bot_auth_token: account.botToken ?? '',
      })
      return client
    },
  }
}

const ADDRESSES: [number, boolean][] = [
  [2, false],
  [2, true],
  [4, false],
  [4, true],
  [203, false],
]

/** The wrappers of a client's first call. */
export const introductionOf = (apiId: number, changes: Fields = {}): TlObject[] => [
  { _: 'invokeWithLayer', layer: 198 },
  {
    _: 'initConnection',
    api_id: apiId,
    device_model: 'Test',
    system_version: '1',
    app_version: '1',
    system_lang_code: 'en',
    lang_pack: '',
    lang_code: 'en',
    ...changes,
  },
]

let connections = 0

interface ClientOptions {
  authKeyId: string
  role: ListenerRole
  wrappers: readonly TlObject[]
}

function openClient(handler: RpcHandler, options: ClientOptions): ApiClient {
  const { authKeyId, role, wrappers: introduction } = options
  const connection: Connection = {
    id: ++connections,
    role,
    destroy: () => {
      isOpen = false
      handler.connectionClosed?.(connection)
    },
    setBandwidth: () => {},
  }
  const pushed: TlObject[] = []
  let isOpen = true
  handler.connectionKeyed?.(connection, authKeyId)
  const call: ApiClient['call'] = (method, fields = {}, wrappers = introduction) =>
    handler.call({
      method: { _: method, ...fields },
      wrappers,
      authKeyId,
      usedKeyId: authKeyId,
      layer: 198,
      sessionId: String(connection.id),
      connection,
      push: (updates) => isOpen && pushed.push(updates) > 0,
    })
  return {
    connection,
    pushed,
    call,
    invoke: async (method, fields) => {
      const outcome = await call(method, fields)
      if (outcome.kind !== 'result')
        throw new Error(
          outcome.kind === 'error' ? `${outcome.code} ${outcome.message}` : outcome.kind,
        )
      // A test reads on from here by the schema it knows.
      return outcome.value as TlObject
    },
    close: connection.destroy,
  }
}
