import type { EmulatorSettings } from '../settings.ts'
import { createRateLimit, type Rate, type RateLimit } from './rate-limit.ts'

/** Telegram's limits, as the settings have them. Each wait is in seconds; 0: go ahead. */
export interface Limits {
  login: (botToken: string) => number
  /** Counts the messages when they may be posted. */
  posts: (post: { accountId: number; channelId: number; count: number }) => number
  /** Returns the function that ends the part; null when too many are in flight. */
  startPart: (part: { connectionId: number; accountId: number }) => (() => void) | null
}

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

interface KeyedRate {
  key: string
  rate: Rate
}

export function createLimits(settings: EmulatorSettings, now: () => number = Date.now): Limits {
  const rates = createRateLimit(now)
  const inFlight = new Map<string, number>()

  return {
    login: (botToken) =>
      useAll(rates, keyed(`login ${botToken}`, settings.loginsPerHour, HOUR_MS), 1),
    posts: ({ accountId, channelId, count }) => {
      const { postsPerSecond, postsPerSecondPerChat, postsPerMinutePerChat } = settings
      const chat = `${accountId} ${channelId}`
      const all = [
        ...keyed(`posts ${accountId}`, postsPerSecond, SECOND_MS),
        ...keyed(`posts by second ${chat}`, postsPerSecondPerChat, SECOND_MS),
        ...keyed(`posts by minute ${chat}`, postsPerMinutePerChat, MINUTE_MS),
      ]
      return useAll(rates, all, count)
    },
    startPart: ({ connectionId, accountId }) => {
      const bounds: [string, number | null][] = [
        [`connection ${connectionId}`, settings.partsInFlightPerConnection],
        [`account ${accountId}`, settings.partsInFlightPerAccount],
      ]
      const count = (key: string): number => inFlight.get(key) ?? 0
      if (bounds.some(([key, limit]) => limit !== null && count(key) >= limit)) return null
      for (const [key] of bounds) inFlight.set(key, count(key) + 1)
      return () => {
        for (const [key] of bounds)
          if (count(key) > 1) inFlight.set(key, count(key) - 1)
          else inFlight.delete(key)
      }
    },
  }
}

const keyed = (key: string, limit: number | null, windowMs: number): KeyedRate[] =>
  limit === null ? [] : [{ key, rate: { limit, windowMs } }]

/** Counts a use under all keys or, when one of them has to wait, under none. */
function useAll(rates: RateLimit, all: readonly KeyedRate[], count: number): number {
  const wait = Math.max(0, ...all.map(({ key, rate }) => rates.wait(key, rate)))
  if (wait === 0) for (const { key, rate } of all) rates.use(key, rate, count)
  return wait
}
