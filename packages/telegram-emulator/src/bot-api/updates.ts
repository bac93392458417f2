import type { Telegram } from '../context.ts'
import { sleep } from '../lib/sleep.ts'
import type { Account } from '../store/accounts.ts'
import type { Change } from '../store/changes.ts'
import { toBotMessage } from './objects/message.ts'

/** One update of a bot, made into an object when it is asked for. */
interface Pending {
  id: number
  change: Change
}

export interface UpdateQuery {
  /** The first update that is wanted; the ones before it are confirmed and forgotten. */
  offset: number
  limit: number
  timeoutMs: number
  signal: AbortSignal
}

/** The updates that bots have not confirmed (https://core.telegram.org/bots/api#getting-updates). */
export interface BotUpdates {
  /** Without updates, waits for the first one until the timeout. */
  get: (bot: Account, query: UpdateQuery) => Promise<Record<string, unknown>[]>
}

/** The most that is kept for one bot; the oldest go first. */
const QUEUE_LENGTH_MAX = 1000

/** So many ids are set aside at once. */
const IDS_AT_ONCE = 1000
const IDS_SET_ASIDE = 'update_ids_set_aside'

/** A bot gets the posts and edits of others in its channels; the Bot API has no update for deletions. */
export function createBotUpdates(telegram: Telegram): BotUpdates {
  const { accounts, channels, messages, meta } = telegram.store
  const queues = new Map<number, Pending[]>()
  const waiting = new Map<number, Set<() => void>>()
  let idsSetAside = Number(meta.get(IDS_SET_ASIDE) ?? 0)
  let lastId = idsSetAside

  /** Ids go on after a restart: a client asks for those above the last one that it has seen. */
  function newId(): number {
    if (lastId === idsSetAside) {
      idsSetAside += IDS_AT_ONCE
      meta.set(IDS_SET_ASIDE, String(idsSetAside))
    }
    return ++lastId
  }

  telegram.feed.listen((change) => {
    if (change.kind === 'delete') return
    const message = messages.find(change.channelId, change.messageIds[0] ?? 0)
    for (const { accountId } of channels.members(change.channelId)) {
      if (accounts.find(accountId)?.kind !== 'bot' || message?.fromId === accountId) continue
      const queue = queues.get(accountId) ?? []
      queues.set(accountId, [...queue, { id: newId(), change }].slice(-QUEUE_LENGTH_MAX))
      for (const wake of waiting.get(accountId) ?? []) wake()
    }
  })

  function pending(bot: Account, { offset, limit }: UpdateQuery): Pending[] {
    const queue = queues.get(bot.id) ?? []
    // A negative offset counts from the end of the queue, and forgets the rest.
    const kept = offset < 0 ? queue.slice(offset) : queue.filter(({ id }) => id >= offset)
    queues.set(bot.id, kept)
    return kept.slice(0, limit)
  }

  async function waitForOne(bot: Account, { timeoutMs, signal }: UpdateQuery): Promise<void> {
    const arrived = new AbortController()
    const wake = (): void => arrived.abort()
    const wakes = waiting.get(bot.id) ?? new Set()
    waiting.set(bot.id, wakes.add(wake))
    // Rejects when the client leaves or an update arrives: both end the wait.
    await sleep(timeoutMs, AbortSignal.any([signal, arrived.signal])).catch(() => {})
    wakes.delete(wake)
  }

  function toUpdate(bot: Account, { id, change }: Pending): Record<string, unknown>[] {
    const channel = channels.find(change.channelId)
    const message = messages.find(change.channelId, change.messageIds[0] ?? 0)
    if (!channel || !message) return []
    const field = change.kind === 'new' ? 'channel_post' : 'edited_channel_post'
    return [{ update_id: id, [field]: toBotMessage({ telegram, bot, channel, message }) }]
  }

  return {
    get: async (bot, query) => {
      if (pending(bot, query).length === 0 && query.timeoutMs > 0) await waitForOne(bot, query)
      return pending(bot, query).flatMap((update) => toUpdate(bot, update))
    },
  }
}
