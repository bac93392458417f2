import type { Caller } from './call.ts'
import type { ArchiveContent, CallOptions } from './options.ts'
import { badAnswer, dateOf, numberOf, numbersOf, textOf } from './wire.ts'

/** What is wanted of a share. In a change, what is left out stays, and null takes it away. */
export interface ShareOptions extends CallOptions {
  /** Seconds: a week by default, a year at most. */
  readonly expiresIn?: number | undefined
  readonly password?: string | null | undefined
  /** How often files may be downloaded; a visit of 24 hours counts each file once. */
  readonly maxDownloads?: number | null | undefined
  /** What stands above the files. */
  readonly title?: string | null | undefined
}

export type ShareState = 'open' | 'used-up' | 'expired' | 'signed-out' | 'ended'

/** A link with a page, as its owner sees it. */
export interface Share {
  readonly id: string
  /** The address of its page. It begins with the `url` of ClientOptions. */
  readonly url: string
  /** The same for other people: with the public address of the worker, where the worker knows it. */
  readonly link: string
  readonly state: ShareState
  readonly title: string | null
  /** Message ids of the files; null: a folder is shared. */
  readonly items: readonly number[] | null
  /** The file, or the first of several; null: it is not in the library any more. */
  readonly fileName: string | null
  /** Where the shared folder is now; null: files are shared, or it is gone. */
  readonly folder: string | null
  readonly hasPassword: boolean
  readonly maxDownloads: number | null
  /** Downloads that were counted. */
  readonly downloads: number
  readonly createdAt: Date
  readonly expiresAt: Date
  readonly lastUsedAt: Date | null
}

/** Links with a page, for people who have no token. */
export interface Shares {
  /** Rejects with MESSAGE_NOT_FOUND, FOLDER_NOT_FOUND, TOO_MANY_SHARES. */
  readonly create: (content: ArchiveContent, options?: ShareOptions) => Promise<Share>
  /** Those that can be used first, then those that have ended, for 30 days. */
  readonly list: (options?: CallOptions) => Promise<Share[]>
  /** Rejects with SHARE_NOT_FOUND, SHARE_ENDED. */
  readonly change: (id: string, changes: ShareOptions) => Promise<Share>
  /** Ends a share for good. Rejects with SHARE_NOT_FOUND. */
  readonly end: (id: string, options?: CallOptions) => Promise<void>
}

const STATES = ['open', 'used-up', 'expired', 'signed-out', 'ended'] as const

export function createShares(caller: Caller): Shares {
  const pathOf = (id: string): string => `/shares/${encodeURIComponent(id)}`

  function toShare(value: unknown): Share {
    const fields: Readonly<Record<string, unknown>> = Object(value)
    const id = textOf(fields.id)
    const path = textOf(fields.url)
    const createdAt = dateOf(fields.createdAt)
    const expiresAt = dateOf(fields.expiresAt)
    if (id === null || path === null || createdAt === null || expiresAt === null) throw badAnswer()
    const url = caller.address(path)
    return {
      ...{ id, url, link: textOf(fields.link) ?? url },
      state: STATES.find((state) => state === fields.state) ?? 'ended',
      title: textOf(fields.title),
      items: Array.isArray(fields.items) ? numbersOf(fields.items) : null,
      fileName: textOf(fields.fileName),
      folder: textOf(fields.folder),
      hasPassword: fields.hasPassword === true,
      maxDownloads: numberOf(fields.maxDownloads),
      downloads: numberOf(fields.downloads) ?? 0,
      ...{ createdAt, expiresAt, lastUsedAt: dateOf(fields.lastUsedAt) },
    }
  }

  return {
    create: async (content, { signal, ...wish } = {}) => {
      const body = { ...content, ...wish }
      return toShare(await caller.json('/shares', { method: 'POST', body, signal }))
    },
    list: async ({ signal } = {}) => {
      const { items } = await caller.json('/shares', { signal })
      if (!Array.isArray(items)) throw badAnswer()
      return items.map(toShare)
    },
    change: async (id, { signal, ...changes }) =>
      toShare(await caller.json(pathOf(id), { method: 'PATCH', body: changes, signal })),
    end: async (id, { signal } = {}) => {
      await caller.json(pathOf(id), { method: 'DELETE', signal })
    },
  }
}
