import { WORKER_PATH } from '../worker-path.ts'

/** A token, and when the user has signed in with it (epoch ms). */
export interface SignedIn {
  token: string
  at: number
}

/** The open tabs of this page, for one worker. They share the token of the user that is signed in. */
export interface OtherTabs {
  /** Asks the other tabs, and waits a moment for the first answer, which goes to `onTold`. */
  ask: () => Promise<void>
  tell: (signedIn: SignedIn) => void
}

/** A tab in the background answers within milliseconds. A tab that sleeps answers too late. */
const WAIT_MS = 250
const QUESTION = 'who is signed in?'

/**
 * Uses a channel that only scripts of this origin can read, and that stores nothing. Files that the
 * worker shows run no scripts, or have an origin of their own (`sandbox`).
 */
export function joinOtherTabs(options: {
  /** Returns null while no user is signed in here. */
  whoIsSignedIn: () => SignedIn | null
  onTold: (signedIn: SignedIn) => void
}): OtherTabs {
  // Another worker may have the same origin, and another path.
  const channel = new BroadcastChannel(`telestore-page:${location.origin}${WORKER_PATH}`)
  let onAnswer = (): void => {}

  function tell({ token, at }: SignedIn): void {
    channel.postMessage({ token, at })
  }

  channel.onmessage = ({ data }: MessageEvent<unknown>) => {
    if (data === QUESTION) {
      const signedIn = options.whoIsSignedIn()
      if (signedIn) tell(signedIn)
      return
    }
    const token: unknown = Reflect.get(Object(data), 'token')
    const at: unknown = Reflect.get(Object(data), 'at')
    if (typeof token !== 'string' || typeof at !== 'number') return
    options.onTold({ token, at })
    onAnswer()
  }

  return {
    tell,
    ask: () =>
      new Promise((resolve) => {
        onAnswer = resolve
        setTimeout(resolve, WAIT_MS)
        channel.postMessage(QUESTION)
      }),
  }
}
