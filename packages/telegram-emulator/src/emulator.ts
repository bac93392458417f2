import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAccount } from './accounts.ts'
import { createRpcHandler } from './api/handler.ts'
import { createSessionRules, type SessionRules } from './api/session-rules.ts'
import { openBotApi } from './bot-api/server.ts'
import { CDN_DC, FOREIGN_DC, HOME_DC, type Telegram } from './context.ts'
import type { Emulator, EmulatorOptions } from './contract.ts'
import { openControl } from './control/server.ts'
import { type Actions, createActions } from './faults/actions.ts'
import type { HttpListener } from './http-listener.ts'
import { listMessages } from './message-list.ts'
import { createProtocolServer } from './mtproto/server.ts'
import { openAddress } from './ports.ts'
import { createTelegram } from './telegram.ts'
import type { ProtocolServer } from './types.ts'

export type {
  Address,
  ChannelRole,
  CreateAccountOptions,
  EmulatedAccount,
  Emulator,
  EmulatorOptions,
  ListedMessage,
  ScriptedActions,
} from './contract.ts'
export type { CountersSnapshot, MethodCounter, RepeatedPart } from './faults/counters.ts'
export type { FaultEffect, FaultRule } from './faults/rules.ts'
export { makeRsaKey } from './mtproto/handshake/rsa.ts'
export { toGramjsSession, toTelethonSession } from './session-strings.ts'
export { type EmulatorSettings, TELEGRAM_LIMITS } from './settings.ts'

const SWEEP_EVERY_MS = 60_000

/** Starts Telegram on loopback: MTProto for two data centres and a CDN, the Bot API, and the control endpoint. */
export async function startTelegram(options: EmulatorOptions = {}): Promise<Emulator> {
  const host = options.host ?? '127.0.0.1'
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'telegram-emulator-'))
  const telegram = createTelegram({ ...options, dataDir })
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
  let closing: Promise<void> | null = null

  async function close(): Promise<void> {
    clearInterval(sweeper)
    stopActions()
    await Promise.all([control, botApi, servers.main, servers.cdn].map((open) => open.close()))
    await telegram.parts.close()
    telegram.store.close()
    if (options.dataDir === undefined)
      await rm(dataDir, { recursive: true, force: true, maxRetries: 3 })
  }

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
    close: () => {
      closing ??= close()
      return closing
    },
  }
}

interface Servers {
  main: ProtocolServer
  cdn: ProtocolServer
}

/** Content delivery networks have keys of their own, which help.getCdnConfig gives. */
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
