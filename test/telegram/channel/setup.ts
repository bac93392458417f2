import { randomBytes } from 'node:crypto'
import type { EmulatedAccount, Emulator } from 'telegram-emulator'
import type { ChannelGateway, PostJournal, PostNote } from '../../../src/core/ports/channel.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { botOf, type GatewayOptions, startGateway, userOf } from '../mtproto/setup.ts'

export type Way = 'user' | 'bot' | 'bot-api' | 'user and bot'

/** An account of its own with one channel, and the credentials of one of its ways to it. */
export interface Start {
  account: EmulatedAccount
  credentials: Credentials
  channel: ChannelGateway
  call: { credentials: Credentials; signal: AbortSignal }
}

export function start(telegram: Emulator, way: Way, options: GatewayOptions = {}): Start {
  const account = telegram.createAccount({ label: randomBytes(6).toString('hex') })
  const credentials = credentialsFor(account, way)
  const { channel } = startGateway(telegram, options).gateway
  return {
    account,
    credentials,
    channel,
    call: { credentials, signal: new AbortController().signal },
  }
}

export function credentialsFor(account: EmulatedAccount, way: Way): Credentials {
  if (way === 'user') return userOf(account)
  if (way === 'bot') return botOf(account)
  if (way === 'bot-api') return { ...botOf(account), apiId: null, apiHash: null }
  return { ...userOf(account), botToken: account.botToken }
}

/** What a job would keep in the ledger. */
export function createNotes(): PostJournal & { notes: PostNote[] } {
  const notes: PostNote[] = []
  return {
    notes,
    load: async () => notes.at(-1) ?? null,
    save: async (note) => void notes.push(note),
  }
}

const hex = (): string => randomBytes(16).toString('hex')

/** A caption of ours. */
export const captionOf = (name: string): string =>
  `#telestore v=1 id=${hex()} kind=file name=${name}`

/** A folder's text. */
export const folderText = (name: string): string =>
  `#telestore v=1 id=${hex()} kind=folder name=${name}`
