import type { KeptToken, TicketRecords } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, integer } from './rows.ts'
import type { ShareTables } from './shares.ts'

/**
 * An epoch begins as the time in seconds and counts up from there, so that tickets revoked before
 * a ledger was lost are not valid again in the next one.
 */
export function createTicketRecords(
  database: LedgerDatabase,
  cipher: LedgerCipher,
  { endSharesOf }: Pick<ShareTables, 'endSharesOf'>,
): Synchronous<TicketRecords> {
  const findEpoch = database.prepare('SELECT epoch FROM ticket_epochs WHERE holder = ?')
  const begin = database.prepare(
    'INSERT INTO ticket_epochs (holder, epoch) VALUES (?, ?) ON CONFLICT DO NOTHING',
  )
  const end = database.prepare(
    `INSERT INTO ticket_epochs (holder, epoch) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET epoch = max(epoch + 1, excluded.epoch)`,
  )
  const forgetTokens = database.prepare('DELETE FROM ticket_tokens WHERE holder = ?')
  const findToken = database.prepare(
    'SELECT token FROM ticket_tokens WHERE token_id = ? AND expires_at > ?',
  )
  const keep = database.prepare(
    `INSERT INTO ticket_tokens (token_id, holder, token, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET holder = excluded.holder, token = excluded.token,
       expires_at = max(expires_at, excluded.expires_at)`,
  )
  const forget = database.prepare('DELETE FROM ticket_tokens WHERE expires_at <= ?')
  const epochOf = (holder: string): number | null => {
    const row = findEpoch.get(holder)
    return row ? integer(row, 'epoch') : null
  }

  function keepToken(holder: string, { tokenId, token, expiresAt }: KeptToken): void {
    const sealed = cipher.encrypt(ticketTokenPurpose(tokenId), Buffer.from(token))
    keep.run(tokenId, holder, sealed, expiresAt)
  }

  return {
    deriveKey: cipher.deriveKey,
    ticketEpoch: epochOf,
    issueTicket: (holder, kept, now) => {
      const known = epochOf(holder)
      // Nothing to write: it goes on while the disk takes nothing.
      if (known !== null && kept === null) return known
      const first = Math.floor(now / 1000)
      return database.transaction(() => {
        if (kept !== null) keepToken(holder, kept)
        if (known === null) begin.run(holder, first)
        return known ?? first
      })
    },
    endTicketEpoch: (holder, now) =>
      database.transaction(() => {
        end.run(holder, Math.floor(now / 1000))
        forgetTokens.run(holder)
        endSharesOf(holder, now)
      }),
    ticketToken: (tokenId, now) => {
      const row = findToken.get(tokenId, now)
      const plain = row ? cipher.decrypt(ticketTokenPurpose(tokenId), blob(row, 'token')) : null
      return plain?.toString('utf8') ?? null
    },
    deleteExpiredTicketTokens: (now) => void forget.run(now),
  }
}

/** What a kept token is encrypted for. */
export function ticketTokenPurpose(tokenId: string): string {
  return `ticket-token:${tokenId}`
}
