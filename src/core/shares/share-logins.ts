import { readJwtClaims } from '../../lib/jwt-claims.ts'
import { holderOf, type TicketKeys } from '../model/ticket-format.ts'
import type { Log } from '../ports/log.ts'
import type { ShareLogin, ShareRecords } from '../ports/shares.ts'

export interface ShareLoginsOptions {
  ledger: Pick<ShareRecords, 'keepShareLogin'>
  keys: Pick<TicketKeys, 'name'>
  log: Log
}

/**
 * Returns what is called with each login token that was found good: shares are read with the newest
 * one of their owner.
 */
export function createShareLogins({
  ledger,
  keys,
  log,
}: ShareLoginsOptions): (userId: string, token: string) => void {
  return (userId, token) => {
    ledger.keepShareLogin(holderOf(userId, keys), loginOf(token)).catch((err: unknown) => {
      log.warn({ err }, 'the newest login of an owner of shares was not kept')
    })
  }
}

/** A login as the ledger keeps it. Its `exp` may have a fraction (RFC 7519, section 2). */
export function loginOf(token: string): ShareLogin {
  const { exp } = readJwtClaims(token) ?? {}
  const endsAt = typeof exp === 'number' ? Math.floor(exp * 1000) : null
  // An end beyond what the ledger's numbers can tell is none.
  return { token, endsAt: Number.isSafeInteger(endsAt) ? endsAt : null }
}
