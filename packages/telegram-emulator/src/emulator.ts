import { type CreateAccountOptions, createAccount, type EmulatedAccount } from './accounts.ts'
import { createRpcHandler } from './api/handler.ts'
import { createSessionRules, type SessionRules } from './api/session-rules.ts'
import { openBotApi } from './bot-api/server.ts'
import { type Address, CDN_DC, FOREIGN_DC, HOME_DC, type Telegram } from './context.ts'
import { openControl } from './control/server.ts'
import { type Actions, createActions } from './faults/actions.ts'
import type { CountersSnapshot } from './faults/counters.ts'
import type { Faults } from './faults/faults.ts'
import type { HttpListener } from './http-listener.ts'
import { type ListedMessage, listMessages } from './message-list.ts'
import { createProtocolServer } from './mtproto/server.ts'
import { openAddress } from './ports.ts'
import type { EmulatorSettings } from './settings.ts'
import { createTelegram, type TelegramOptions } from './telegram.ts'
import type { ProtocolServer } from './types.ts'

export type { EmulatedAccount } from './accounts.ts'
export type { FaultEffect } from './faults/rules.ts'
export { toGramjsSession, toTelethonSession } from './session-strings.ts'
export { makeRsaKey } from './store/meta.ts'

/** `dataDir` holds everything the emulated Telegram keeps; the same folder brings it back. */
export interface EmulatorOptions extends TelegramOptions {
  host?: string | undefined
  /** The first of five MTProto ports in a row; without it, those of last time or any free ones. */
  basePort?: number | undefined
}

/** A running emulator of Telegram. */
export interface Emulator {
  /** `mediaPort` is the media-only address of the same data centre. */
  mtproto: { host: string; port: number; mediaPort: number; dcId: number; publicKeyPem: string }
  botApi: { root: string }
  control: { root: string }
  /** Every open MTProto address, as help.getConfig tells them. */
  addresses: readonly Address[]
  /** The account labelled `main`. */
  account: EmulatedAccount
  createAccount: (options: CreateAccountOptions) => EmulatedAccount
  faults: Faults & Omit<Actions, 'close' | 'changeSettings'>
  settings: { read: () => EmulatorSettings; change: Actions['changeSettings'] }
  counters: { read: () => CountersSnapshot; reset: () => void }
  /** The files of a channel, oldest first. */
  messages: (channelId: string) => Promise<ListedMessage[]>
  close: () => Promise<void>
}

const SWEEP_EVERY_MS = 60_000

/** Starts Telegram on loopback: MTProto for two data centres and a CDN, the Bot API, and the control endpoint. */
export async function startTelegram(options: EmulatorOptions): Promise<Emulator> {
  const host = options.host ?? '127.0.0.1'
  const telegram = createTelegram(options)
  const rules = createSessionRules(telegram)
  const servers = createServers(telegram, rules, host)
  await openAddresses(telegram, servers, { host, basePort: options.basePort ?? null })
  const actions = createActions(telegram, rules)
  const { botApi, control } = await openHttp(telegram, actions, host)
  const sweeper = setInterval(() => {
    telegram.parts.sweep().catch((error: unknown) => telegram.log(`sweeping failed: ${error}`))
  }, SWEEP_EVERY_MS).unref()
  const [home, media] = telegram.addresses
  const { close: stopActions, changeSettings, ...scripted } = actions
  return {
    mtproto: {
      host,
      port: home?.port ?? 0,
      mediaPort: media?.port ?? 0,
      dcId: HOME_DC,
      publicKeyPem: servers.main.publicKeyPem,
    },
    botApi: { root: botApi.root },
    control: { root: control.root },
    addresses: telegram.addresses,
    account: createAccount(telegram, { label: 'main' }),
    createAccount: (wanted) => createAccount(telegram, wanted),
    faults: { ...telegram.faults, ...scripted },
    settings: { read: () => ({ ...telegram.settings }), change: changeSettings },
    counters: { read: telegram.counters.snapshot, reset: telegram.counters.reset },
    messages: (channelId) => listMessages(telegram, channelId),
    close: async () => {
      clearInterval(sweeper)
      stopActions()
      await Promise.all([control, botApi, servers.main, servers.cdn].map((open) => open.close()))
      await telegram.parts.close()
      telegram.store.close()
    },
  }
}

interface Servers {
  main: ProtocolServer
  cdn: ProtocolServer
}

/** Content delivery networks have keys of their own, which help.getCdnConfig tells. */
function createServers(telegram: Telegram, rules: SessionRules, host: string): Servers {
  const handler = createRpcHandler(telegram, rules)
  const { keys, secrets } = telegram.store
  const common = { keys, handler, host }
  return {
    main: createProtocolServer({ ...common, privateKeyPem: secrets.privateKeyPem }),
    cdn: createProtocolServer({ ...common, privateKeyPem: secrets.cdnPrivateKeyPem }),
  }
}

async function openAddresses(
  telegram: Telegram,
  servers: Servers,
  { host, basePort }: { host: string; basePort: number | null },
): Promise<void> {
  const roles = [
    ...[HOME_DC, FOREIGN_DC].flatMap((dcId) => [
      { dcId, mediaOnly: false },
      { dcId, mediaOnly: true },
    ]),
    { dcId: CDN_DC, mediaOnly: false },
  ]
  for (const [index, role] of roles.entries()) {
    const cdn = role.dcId === CDN_DC
    const server = cdn ? servers.cdn : servers.main
    const wanted = basePort === null ? null : basePort + index
    const { meta } = telegram.store
    telegram.addresses.push(await openAddress({ server, role, host, cdn, meta, wanted }))
  }
}

async function openHttp(
  telegram: Telegram,
  actions: Actions,
  host: string,
): Promise<{ botApi: HttpListener; control: HttpListener }> {
  const { meta } = telegram.store
  const kept = (name: string): { host: string; port: number } => ({
    host,
    port: Number(meta.get(name) ?? 0),
  })
  const botApi = await openBotApi(telegram, kept('port_bot_api'))
  const control = await openControl(
    {
      faults: telegram.faults,
      actions,
      settings: () => ({ ...telegram.settings }),
      counters: telegram.counters.snapshot,
      resetCounters: telegram.counters.reset,
      createAccount: (wanted) => createAccount(telegram, wanted),
      messages: (channelId) => listMessages(telegram, channelId),
    },
    kept('port_control'),
  )
  meta.set('port_bot_api', String(botApi.port))
  meta.set('port_control', String(control.port))
  return { botApi, control }
}
