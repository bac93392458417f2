import { KiB } from '../lib/units.ts'

export interface MethodCounter {
  calls: number
  /** Errors by name. */
  errors: Record<string, number>
  bytesIn: number
  bytesOut: number
  /** Calls by address: `2`, `2 media`, `4`, `203`; `http` for the Bot API. */
  byAddress: Record<string, number>
}

export interface RepeatedPart {
  accountId: number
  fileId: string
  part: number
  /** How often the part was sent, the first time included. */
  count: number
}

/** The calls that the emulator received, as plain JSON. */
export interface CountersSnapshot {
  methods: Record<string, MethodCounter>
  partsReceived: number
  repeatedParts: RepeatedPart[]
  /** Connections opened so far, by address. */
  connectionsOpened: Record<string, number>
  /** Connections now open on addresses that are not media-only, by key. */
  mainConnectionsOpen: Record<string, number>
  /** The most that were open at once, by key. */
  mainConnectionsPeak: Record<string, number>
  authorizations: { bot: number; exported: number; imported: number }
  keysKilled: number
  repeatedRandomIds: number
  messagesPosted: number
  /** How often each 128 KB unit of a document was fetched, by document id. */
  unitsFetched: Record<string, number[]>
}

/** The writable side: one object, read by `snapshot` and emptied by `reset`. */
export interface Counters {
  method: (name: string) => MethodCounter
  partReceived: (accountId: number, fileId: string, part: number) => void
  connectionOpened: (address: string) => void
  mainConnections: (authKeyId: string, open: number) => void
  unitsFetched: (documentId: string, offset: number, length: number) => void
  add: (name: CountName, by?: number) => void
  snapshot: () => CountersSnapshot
  /** Sets every counter to zero; open connections stay counted as open. */
  reset: () => void
}

export type CountName =
  | 'bot'
  | 'exported'
  | 'imported'
  | 'keysKilled'
  | 'repeatedRandomIds'
  | 'messagesPosted'

export const UNIT = 128 * KiB

export function createCounters(): Counters {
  const methods = new Map<string, MethodCounter>()
  const parts = new Map<string, RepeatedPart>()
  const opened = new Map<string, number>()
  const open = new Map<string, number>()
  const peak = new Map<string, number>()
  const units = new Map<string, number[]>()
  const counts = new Map<CountName, number>()

  const count = (name: CountName): number => counts.get(name) ?? 0

  return {
    method: (name) => {
      const counter = methods.get(name) ?? newMethodCounter()
      methods.set(name, counter)
      return counter
    },
    partReceived: (accountId, fileId, part) => {
      const key = `${accountId}_${fileId}_${part}`
      const seen = parts.get(key)
      if (seen) seen.count++
      else parts.set(key, { accountId, fileId, part, count: 1 })
    },
    connectionOpened: (address) => void opened.set(address, (opened.get(address) ?? 0) + 1),
    mainConnections: (authKeyId, now) => {
      if (now === 0) open.delete(authKeyId)
      else open.set(authKeyId, now)
      peak.set(authKeyId, Math.max(now, peak.get(authKeyId) ?? 0))
    },
    unitsFetched: (documentId, offset, length) => {
      const fetched = units.get(documentId) ?? []
      units.set(documentId, fetched)
      for (let unit = Math.floor(offset / UNIT); unit * UNIT < offset + length; unit++) {
        while (fetched.length <= unit) fetched.push(0)
        fetched[unit] = (fetched[unit] ?? 0) + 1
      }
    },
    add: (name, by = 1) => void counts.set(name, count(name) + by),
    snapshot: () => ({
      methods: Object.fromEntries([...methods].map(([name, counter]) => [name, copy(counter)])),
      partsReceived: [...parts.values()].reduce((sum, part) => sum + part.count, 0),
      repeatedParts: [...parts.values()]
        .filter((part) => part.count > 1)
        .map((part) => ({ ...part })),
      connectionsOpened: Object.fromEntries(opened),
      mainConnectionsOpen: Object.fromEntries(open),
      mainConnectionsPeak: Object.fromEntries(peak),
      authorizations: {
        bot: count('bot'),
        exported: count('exported'),
        imported: count('imported'),
      },
      keysKilled: count('keysKilled'),
      repeatedRandomIds: count('repeatedRandomIds'),
      messagesPosted: count('messagesPosted'),
      unitsFetched: Object.fromEntries([...units].map(([id, fetched]) => [id, [...fetched]])),
    }),
    reset: () => {
      for (const map of [methods, parts, opened, units, counts]) map.clear()
      peak.clear()
      for (const [key, now] of open) peak.set(key, now)
    },
  }
}

function newMethodCounter(): MethodCounter {
  return { calls: 0, errors: {}, bytesIn: 0, bytesOut: 0, byAddress: {} }
}

function copy(counter: MethodCounter): MethodCounter {
  return { ...counter, errors: { ...counter.errors }, byAddress: { ...counter.byAddress } }
}
