/** A file of the share, as the worker tells it. */
export interface SharedFile {
  messageId: number
  fileName: string
  size: number
  mimeType: string
  thumbnail: boolean
}

export interface SharedFolder {
  /** Seen from the shared folder. */
  path: string
  name: string
  files: number
  bytes: number
}

export interface SharedFiles {
  title: string | null
  expiresAt: string
  /** Null: any number of them. */
  downloadsLeft: number | null
  total: { files: number; bytes: number }
  isFolder: boolean
  items: readonly SharedFile[]
  folders: readonly SharedFolder[]
  next: string | null
}

/** What became of a question to the worker. */
export type Answer<T> =
  | { kind: 'given'; value: T }
  /** A password opens it. */
  | { kind: 'locked' }
  /** It cannot be had; `mayPass`: at this moment. */
  | { kind: 'refused'; words: string; mayPass: boolean }

/** The share whose address the page has. Calls do not reject. */
export interface Share {
  /** A page of a folder, seen from the shared one. */
  list: (folder: string, cursor: string | null) => Promise<Answer<SharedFiles>>
  /** Tries a password; null: it is right. */
  unlock: (password: string) => Promise<string | null>
  addressOf: (file: Pick<SharedFile, 'messageId'>, disposition: 'inline' | 'attachment') => string
  thumbnailOf: (file: SharedFile) => string
  /** Everything in a folder, seen from the shared one, as one ZIP file. */
  archiveOf: (folder: string) => string
}

const OFFLINE = 'The worker does not answer. Check the connection.'

/** `path`: the path of the share's address. */
export function createShare(path: string): Share {
  const root = path.replace(/\/$/, '')

  return {
    list: async (folder, cursor) => {
      const query = new URLSearchParams({ folder, ...(cursor !== null && { cursor }) })
      try {
        const headers = { accept: 'application/json' }
        const answer = await fetch(`${root}?${query}`, { headers })
        const body: unknown = await answer.json()
        if (answer.ok) return { kind: 'given', value: body as SharedFiles }
        if (answer.status === 401) return { kind: 'locked' }
        const mayPass = answer.status === 429 || answer.status >= 500
        return { kind: 'refused', words: wordsIn(body), mayPass }
      } catch {
        return { kind: 'refused', words: OFFLINE, mayPass: true }
      }
    },
    unlock: async (password) => {
      try {
        const answer = await fetch(`${root}/password`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ password }),
        })
        if (answer.ok) return null
        const words = wordsIn(await answer.json())
        const seconds = Number(answer.headers.get('retry-after') ?? 0)
        return seconds > 0 ? `${words} Try again in ${seconds} s.` : words
      } catch {
        return OFFLINE
      }
    },
    addressOf: ({ messageId }, disposition) =>
      `${root}/files/${messageId}?disposition=${disposition}`,
    thumbnailOf: ({ messageId }) => `${root}/files/${messageId}/thumbnail`,
    archiveOf: (folder) => `${root}/archive?${new URLSearchParams({ folder })}`,
  }
}

/** The sentence of a refusal. */
function wordsIn(body: unknown): string {
  const words: unknown = Reflect.get(Object(body), 'error')
  return typeof words === 'string' ? `${words}.` : 'This cannot be opened right now.'
}
