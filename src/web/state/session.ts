import { TeleStoreError } from 'telestore-client'
import { joinOtherTabs, type SignedIn } from './other-tabs.ts'
import { concernsName, readText, removeText, writeText } from './storage.ts'
import { createStore, type Store } from './store.ts'

/** The login of the page. */
export interface Session {
  /** Null before the user has signed in, and after the worker has refused the token. */
  readonly token: Store<string | null>
  /** Why the worker refused the last token. */
  readonly refusal: Store<string | null>
  /** How often the user has signed out, here or in another tab. */
  readonly signOuts: Store<number>
  /** The last token, also after a refusal: uploads use it until they are stopped. */
  readonly lastToken: () => string
  /** Without a token the tab asks the other tabs for one. Waits a moment for it. */
  join: () => Promise<void>
  signIn: (token: string, keep: boolean) => void
  /** In all tabs. */
  signOut: () => void
  /** Drops the token and asks for a new one, if the error says that the worker has refused it. */
  dropRefusedToken: (error: unknown) => void
}

const TOKEN = 'token'
const SIGNED_IN_AT = 'token-at'
/** For tabs that sleep, and for closed tabs that are opened again with their stored token. */
const SIGNED_OUT_AT = 'signed-out-at'

export function createSession(): Session {
  const remembered = recall(sessionStorage) ?? recall(localStorage)
  const token = createStore(remembered?.token ?? null)
  const refusal = createStore<string | null>(null)
  const signOuts = createStore(0)
  let last = remembered ?? { token: '', at: 0 }

  const tabs = joinOtherTabs({
    whoIsSignedIn: () => (token.value === null ? null : last),
    onTold: (signedIn) => {
      if (token.value !== null || signedIn.at < signedOutAt()) return
      // Uploads that wait for a new token must not go into the channel of another user.
      const isOther = userKeyOf(signedIn.token) !== userKeyOf(last.token)
      // Another tab may still use the refused token.
      const isNew = signedIn.at > last.at
      if (refusal.value !== null && (isOther || !isNew)) return
      enter(signedIn, sessionStorage)
    },
  })

  function enter(signedIn: SignedIn, storage: Storage): void {
    last = signedIn
    writeText(storage, TOKEN, signedIn.token)
    writeText(storage, SIGNED_IN_AT, String(signedIn.at))
    refusal.set(null)
    token.set(signedIn.token)
  }

  function end(): void {
    refusal.set(null)
    forget()
    signOuts.set(signOuts.value + 1)
  }

  function forget(): void {
    removeText(sessionStorage, TOKEN)
    removeText(localStorage, TOKEN)
    token.set(null)
  }

  const endWithOthers = (): void => {
    if (last.at < signedOutAt()) end()
  }
  addEventListener('storage', (event) => {
    if (concernsName(event, SIGNED_OUT_AT)) endWithOthers()
  })
  // A page that the browser has kept in its cache gets no storage events.
  addEventListener('pageshow', endWithOthers)

  return {
    token,
    refusal,
    signOuts,
    lastToken: () => last.token,
    join: async () => {
      if (token.value === null) await tabs.ask()
    },
    signIn: (text, keep) => {
      removeText(keep ? sessionStorage : localStorage, TOKEN)
      // A clock that was set back must not make it older than the last sign-out.
      enter(
        { token: text, at: Math.max(Date.now(), signedOutAt()) },
        keep ? localStorage : sessionStorage,
      )
      tabs.tell(last)
    },
    signOut: () => {
      writeText(localStorage, SIGNED_OUT_AT, String(Math.max(Date.now(), last.at + 1)))
      end()
    },
    dropRefusedToken: (error) => {
      if (!(error instanceof TeleStoreError) || error.status !== 401) return
      if (token.value === null) return
      refusal.set(error.message)
      forget()
    },
  }
}

/** Returns the stored token; null when another tab has signed out since. */
function recall(storage: Storage): SignedIn | null {
  const token = readText(storage, TOKEN)
  const at = Number(readText(storage, SIGNED_IN_AT) ?? 0)
  if (token !== null && at >= signedOutAt()) return { token, at }
  removeText(storage, TOKEN)
  return null
}

function signedOutAt(): number {
  return Number(readText(localStorage, SIGNED_OUT_AT) ?? 0)
}

/**
 * Returns the name of a user in the storage of this browser. It is made of the user in a JWT, which gets
 * a new token each month, else of 32 bits of a hash of the token, too few to find the token by.
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
    // It is no JWT.
  }
  return null
}

/** FNV-1a. */
function hash32(text: string): string {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return (hash >>> 0).toString(16)
}
