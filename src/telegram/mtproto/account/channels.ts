import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { untilAborted } from '../../../lib/waiting/abortable.ts'
import { bareChannelId } from '../../channel-id.ts'
import { channelNotFound, faultOf } from '../../errors.ts'
import type { CallOptions } from '../connection/request-channel.ts'
import type { Account } from './account.ts'
import { type Channel, type ChannelSearch, toChannel } from './channel.ts'
import { findInDialogs } from './dialogs.ts'
import { createWaitNotifier, type WaitNotifier } from './wait-notifier.ts'

/** Finds access hashes, which belong to an account and a channel. */
export interface Channels {
  /**
   * Runs `work` with the channel; once more with a new hash when Telegram refuses the known one.
   * Rejects with TELEGRAM_CHANNEL_NOT_FOUND when this account cannot see the channel.
   */
  use: <T>(
    account: Account,
    channelId: string,
    options: CallOptions,
    work: (channel: Channel) => Promise<T>,
  ) => Promise<T>
}

const MAX_HASHES = 20_000
const HASH_TTL_MS = 24 * 3_600_000
/** How long a channel that was not found is believed to be missing. */
const MISSING_TTL_MS = 30_000

export function createChannels(): Channels {
  const hashes = createTtlCache<string>({ maxEntries: MAX_HASHES })
  const missing = createTtlCache<true>({ maxEntries: MAX_HASHES })
  const searching = new Map<string, Search>()

  const key = (account: Account, id: string): string => `${account.id}/${id}`

  function remember(account: Account, { id, accessHash }: Channel): void {
    hashes.set(key(account, id), accessHash, HASH_TTL_MS)
  }

  async function resolve(account: Account, id: string, options: CallOptions): Promise<Channel> {
    const name = key(account, id)
    const known = hashes.get(name)
    if (known !== undefined) return { id, accessHash: known }
    if (missing.get(name)) throw channelNotFound()
    const found = await joinSearch(search(account, id), options)
    if (found === null) {
      missing.set(name, true, MISSING_TTL_MS)
      throw channelNotFound()
    }
    return { id, accessHash: found }
  }

  /** One search per account and channel: callers share it, and it goes on when one of them leaves. */
  function search(account: Account, id: string): Search {
    const name = key(account, id)
    const running = searching.get(name)
    if (running) return running
    const find = account.kind === 'bot' ? askForChannel : findInDialogs
    const waits = createWaitNotifier()
    const found = find({
      account,
      id,
      options: { signal: new AbortController().signal, onWait: waits.notify },
      onChannel: (channel) => remember(account, channel),
    }).finally(() => searching.delete(name))
    const started = { found, waits }
    searching.set(name, started)
    return started
  }

  return {
    use: async (account, channelId, options, work) => {
      const id = bareChannelId(channelId)
      const channel = await resolve(account, id, options)
      try {
        return await work(channel)
      } catch (error) {
        if (faultOf(error).kind !== 'channel-unknown') throw error
        hashes.delete(key(account, id))
        return work(await resolve(account, id, options))
      }
    },
  }
}

interface Search {
  found: Promise<string | null>
  waits: WaitNotifier
}

/** The search's result for one caller, whose `onWait` is called as if the search were its own. */
async function joinSearch(
  { found, waits }: Search,
  { signal, onWait }: CallOptions,
): Promise<string | null> {
  const unsubscribe = waits.subscribe(onWait)
  try {
    return await untilAborted(found, signal)
  } finally {
    unsubscribe()
  }
}

/** A bot may name any channel it is in by the access hash 0. */
async function askForChannel({
  account,
  id,
  options,
  onChannel,
}: ChannelSearch): Promise<string | null> {
  const { Api, toLong } = account.gramjs
  const channel = new Api.InputChannel({ channelId: toLong(id), accessHash: toLong('0') })
  try {
    const { chats } = await account.call(new Api.channels.GetChannels({ id: [channel] }), options)
    const found = chats
      .map((chat) => toChannel(account.gramjs, chat))
      .find((channel) => channel?.id === id)
    if (found) onChannel(found)
    return found?.accessHash ?? null
  } catch (error) {
    if (faultOf(error).kind === 'channel-unknown') return null
    throw error
  }
}
