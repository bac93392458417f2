import type { AuthKey } from '../types.ts'
import type { MtprotoConnection } from './connection.ts'
import { createMessageIds } from './messages/message-id.ts'
import type { Salts } from './salts.ts'
import { createSession, type Session } from './session.ts'

export interface Sessions {
  /** Returns the session with that id under a key, and makes the connection its current one. */
  open: (authKey: AuthKey, id: bigint, connection: MtprotoConnection) => Session
  /** Forgets a session; false when there was none. */
  destroy: (authKeyId: string, id: bigint) => boolean
  close: () => void
}

const IDLE_MS = 10 * 60_000
const SWEEP_EVERY = 64

/** All sessions of one server. A session without a connection is forgotten after a while. */
export function createSessions(salts: Salts): Sessions {
  const sessions = new Map<string, Session>()
  const messageIds = createMessageIds()
  let opened = 0

  function forget(name: string, session: Session): void {
    session.close()
    sessions.delete(name)
  }

  function sweep(): void {
    for (const [name, session] of sessions) {
      const { idleSince } = session
      if (idleSince !== null && idleSince < Date.now() - IDLE_MS) forget(name, session)
    }
  }

  return {
    open: (authKey, id, connection) => {
      const name = `${authKey.id}:${id}`
      const known = sessions.get(name)
      if (known) {
        known.attach(connection)
        return known
      }
      if (++opened % SWEEP_EVERY === 0) sweep()
      const session = createSession({ id, authKey, connection, salts, messageIds })
      sessions.set(name, session)
      return session
    },
    destroy: (authKeyId, id) => {
      const name = `${authKeyId}:${id}`
      const session = sessions.get(name)
      if (session) forget(name, session)
      return session !== undefined
    },
    close: () => {
      for (const [name, session] of sessions) forget(name, session)
    },
  }
}
