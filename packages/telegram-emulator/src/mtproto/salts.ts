import type { AuthKey } from '../types.ts'
import { sha256 } from './handshake/digest.ts'

export interface Salt {
  /** Seconds since the epoch. */
  validSince: number
  validUntil: number
  value: bigint
}

/** The server salts of every key (https://core.telegram.org/mtproto/description#server-salt). */
export interface Salts {
  current: (key: AuthKey) => bigint
  isValid: (key: AuthKey, salt: bigint) => boolean
  future: (key: AuthKey, count: number) => Salt[]
  /** The salt that both sides derive from the nonces of a key exchange. */
  remember: (keyId: string, salt: bigint) => void
}

const PERIOD = 3600
/** A salt outlives its period by half an hour, so that a client can change over in time. */
const OVERLAP = 1800
const MAX_REMEMBERED = 10_000

/** Salts are derived from the key and the hour, so they survive a restart and need no store. */
export function createSalts(now: () => number = () => Math.floor(Date.now() / 1000)): Salts {
  const first = new Map<string, { value: bigint; until: number }>()

  const derive = (key: AuthKey, period: number): bigint =>
    sha256(Buffer.from(key.key), Buffer.from(`salt ${period}`)).readBigInt64LE(0)

  const period = (): number => Math.floor(now() / PERIOD)

  function isValid(key: AuthKey, salt: bigint): boolean {
    const index = period()
    if (salt === derive(key, index)) return true
    if (now() - index * PERIOD < OVERLAP && salt === derive(key, index - 1)) return true
    const remembered = first.get(key.id)
    return remembered?.value === salt && remembered.until > now()
  }

  return {
    current: (key) => derive(key, period()),
    isValid,
    future: (key, count) =>
      Array.from({ length: Math.min(Math.max(count, 1), 64) }, (_, ahead) => {
        const start = (period() + ahead) * PERIOD
        return {
          validSince: start,
          validUntil: start + PERIOD + OVERLAP,
          value: derive(key, period() + ahead),
        }
      }),
    remember: (keyId, value) => {
      const oldest = first.keys().next()
      if (first.size >= MAX_REMEMBERED && !oldest.done) first.delete(oldest.value)
      first.set(keyId, { value, until: now() + OVERLAP })
    },
  }
}
