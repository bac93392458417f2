import type { TicketRecords } from '../../../core/ports/ledger.ts'
import type { LedgerDatabase } from '../database.ts'
import type { LedgerCipher } from '../secrets/cipher.ts'
import type { Synchronous } from '../synchronous.ts'
import { blob, integer } from './rows.ts'

export function createTicketRecords(
  database: LedgerDatabase,
  cipher: LedgerCipher,
): Synchronous<TicketRecords> {
  return {
    deriveKey: cipher.deriveKey,
    ...epochCalls(database),
    ...tokenCalls(database, cipher),
  }
}

/**
 * An epoch begins as the time in seconds and counts up from there, so that tickets revoked before
 * a ledger was lost are not valid again in the next one.
 */
function epochCalls(database: LedgerDatabase) {
  const find = database.prepare('SELECT epoch FROM ticket_epochs WHERE holder = ?')
  const begin = database.prepare(
    'INSERT INTO ticket_epochs (holder, epoch) VALUES (?, ?) ON CONFLICT DO NOTHING',
  )
  const end = database.prepare(
    `INSERT INTO ticket_epochs (holder, epoch) VALUES (?, ?)
     ON CONFLICT DO UPDATE SET epoch = max(epoch + 1, excluded.epoch)`,
  )
  const forgetTokens = database.prepare('DELETE FROM ticket_tokens WHERE holder = ?')
  const epochOf = (holder: string): number | null => {
    const row = find.get(holder)
    return row ? integer(row, 'epoch') : null
  }

  return {
    ticketEpoch: epochOf,
    beginTicketEpoch: (holder, now) => {
      const first = Math.floor(now / 1000)
      const known = epochOf(holder)
      if (known === null) begin.run(holder, first)
      return known ?? first
    },
    endTicketEpoch: (holder, now) =>
      database.transaction(() => {
        end.run(holder, Math.floor(now / 1000))
        forgetTokens.run(holder)
      }),
  } satisfies Partial<Synchronous<TicketRecords>>
}

function tokenCalls(database: LedgerDatabase, cipher: LedgerCipher) {
  const find = database.prepare(
    'SELECT token FROM ticket_tokens WHERE token_id = ? AND expires_at > ?',
  )
  const keep = database.prepare(
    `INSERT INTO ticket_tokens (token_id, holder, token, expires_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET holder = excluded.holder, token = excluded.token,
       expires_at = max(expires_at, excluded.expires_at)`,
  )
  const forget = database.prepare('DELETE FROM ticket_tokens WHERE expires_at <= ?')
  const purpose = (tokenId: string): string => `ticket-token:${tokenId}`

  return {
    keepTicketToken: ({ tokenId, holder, token, expiresAt }) => {
      const sealed = cipher.encrypt(purpose(tokenId), Buffer.from(token))
      keep.run(tokenId, holder, sealed, expiresAt)
    },
    ticketToken: (tokenId, now) => {
      const row = find.get(tokenId, now)
      const plain = row ? cipher.decrypt(purpose(tokenId), blob(row, 'token')) : null
      return plain?.toString('utf8') ?? null
    },
    deleteExpiredTicketTokens: (now) => void forget.run(now),
  } satisfies Partial<Synchronous<TicketRecords>>
}
