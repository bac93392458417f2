import { randomBytes } from 'node:crypto'
import { Api, InputFile } from 'node-telegram-bot-api'
import type { EmulatedAccount, Emulator } from 'telegram-emulator'
import { expect, vi } from 'vitest'
import { createFollower } from '../../../src/core/library/follow/follower.ts'
import { libraryKeyOf } from '../../../src/core/model/library/posts.ts'
import type { ChannelGateway, PostJournal, PostNote } from '../../../src/core/ports/channel.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { TelegramGateway } from '../../../src/core/ports/telegram.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { createMemoryLedger } from '../../helpers/storage/memory-ledger.ts'
import { botOf, type GatewayOptions, startGateway, userOf } from '../mtproto/setup.ts'

const MINUTE = 60_000

export type Way = 'user' | 'bot' | 'bot-api' | 'user and bot'

/** An account of its own with one channel, and the credentials of one of its ways to it. */
export interface Start {
  account: EmulatedAccount
  credentials: Credentials
  channel: ChannelGateway
  gateway: TelegramGateway
  call: { credentials: Credentials; signal: AbortSignal }
}

export function start(telegram: Emulator, way: Way, options: GatewayOptions = {}): Start {
  const account = telegram.createAccount({ label: randomBytes(6).toString('hex') })
  const credentials = credentialsFor(account, way)
  const { gateway } = startGateway(telegram, options)
  return {
    account,
    credentials,
    channel: gateway.channel,
    gateway,
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

/** The library of a channel of its own, by one of the ways to see it. */
export function openLibrary(telegram: Emulator, way: Way) {
  const { account, credentials, channel, call } = start(telegram, way)
  const ledger = createMemoryLedger()
  const key = libraryKeyOf(credentials)
  let time = Date.now()
  const follower = createFollower({
    ...{ catalogue: ledger, channel, isBusy: () => false, now: () => time, paceMs: 1 },
    metrics: { looked: () => {}, read: () => {} },
    log: createRecordingLog(),
  })
  const file = (messageId: number) => ledger.libraryFile(key, messageId)
  return {
    ...{ account, label: account.label, gateway: channel, call, file },
    /** A minute later. */
    look: async () => {
      time += MINUTE
      follower.look(credentials)
      await vi.waitFor(() => expect(follower.isLooking(key)).toBe(false), { timeout: 30_000 })
    },
    /** The oldest first. */
    files: async () => {
      const newest = await ledger.newestInLibrary(key)
      const all = await Promise.all(Array.from({ length: newest }, (_, index) => file(index + 1)))
      return all.flatMap((found) => (found ? `${found.name} ${found.size}` : []))
    },
  }
}

/** The Bot API as another client of the channel uses it. */
export function botApiOf(telegram: Emulator, { account }: Pick<Start, 'account'>): Api {
  return new Api(account.botToken ?? '', { apiRoot: telegram.botApi.root, maxRetries: 0 })
}

/** Posts a file by the Bot API; the message's id. */
export async function postFile(
  telegram: Emulator,
  at: Pick<Start, 'account'>,
  {
    caption = '',
    name = 'file.bin',
    size = 10,
  }: { caption?: string; name?: string; size?: number },
): Promise<number> {
  const document = new InputFile(Buffer.alloc(size, 1), { filename: name })
  const post = { chat_id: at.account.channelId, document, caption }
  return (await botApiOf(telegram, at).sendDocument(post)).message_id
}

/** Posts texts by the Bot API; their messages' ids. */
export async function postTexts(
  telegram: Emulator,
  at: Pick<Start, 'account'>,
  texts: readonly string[],
): Promise<number[]> {
  const api = botApiOf(telegram, at)
  const ids: number[] = []
  for (const text of texts) {
    ids.push((await api.sendMessage({ chat_id: at.account.channelId, text })).message_id)
  }
  return ids
}
