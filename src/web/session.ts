import { TeleStoreError } from '../client/error.ts'
import { readText, removeText, writeText } from './storage.ts'
import { createStore, type Store } from './store.ts'

/** Who uses the page. */
export interface Session {
  /** Null before the user has signed in, and after the worker has refused the token. */
  readonly token: Store<string | null>
  /** Why the worker refused the last token. */
  readonly refusal: Store<string | null>
  /** The token even after a refusal: jobs ask for it until they are stopped. */
  readonly lastToken: () => string
  signIn: (token: string, keep: boolean) => void
  signOut: () => void
  /** Looks whether the error is a refused token, and asks for another one then. */
  notice: (error: unknown) => void
}

const NAME = 'token'

export function createSession(): Session {
  const remembered = readText(sessionStorage, NAME) ?? readText(localStorage, NAME)
  const token = createStore(remembered)
  const refusal = createStore<string | null>(null)
  let last = remembered ?? ''

  function forget(): void {
    removeText(sessionStorage, NAME)
    removeText(localStorage, NAME)
    token.set(null)
  }

  return {
    token,
    refusal,
    lastToken: () => last,
    signIn: (text, keep) => {
      last = text
      removeText(keep ? sessionStorage : localStorage, NAME)
      writeText(keep ? localStorage : sessionStorage, NAME, text)
      refusal.set(null)
      token.set(text)
    },
    signOut: () => {
      refusal.set(null)
      forget()
    },
    notice: (error) => {
      if (!(error instanceof TeleStoreError) || error.status !== 401) return
      if (token.value === null) return
      refusal.set(error.message)
      forget()
    },
  }
}

/**
 * Names whoever has the token in this browser's storage: by the user of a JWT, which gets a new
 * token each month, else by 32 bits of a hash, too few to find the token by.
 */
export function userKeyOf(token: string): string {
  return hash32(userOfJwt(token) ?? token)
}

function userOfJwt(token: string): string | null {
  const payload = token.split('.')[1]
  if (payload === undefined) return null
  try {
    const claims: unknown = JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/')))
    if (typeof claims !== 'object' || claims === null) return null
    for (const name of ['user_id', 'sub']) {
      const value: unknown = Reflect.get(claims, name)
      if (typeof value === 'string' || typeof value === 'number') return String(value)
    }
  } catch {
    // No JWT after all.
  }
  return null
}

/** FNV-1a. */
function hash32(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16)
}
