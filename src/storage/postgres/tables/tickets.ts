import type { KeptToken, TicketRecords } from '../../../core/ports/ledger.ts'
import type { LedgerCipher } from '../../ledger/secrets/cipher.ts'
import { blob, integer } from '../../ledger/tables/rows.ts'
import { ticketTokenPurpose } from '../../ledger/tables/tickets.ts'
import type { PostgresDatabase, Queries } from '../database.ts'
import { endSharesOf } from './shares.ts'

/** Epochs count up from the time in seconds at which they began, as in SQLite. */
export function createTicketRecords(
  database: PostgresDatabase,
  cipher: LedgerCipher,
): TicketRecords {
  async function keepToken(
    queries: Queries,
    holder: string,
    { tokenId, token, expiresAt }: KeptToken,
  ): Promise<void> {
    const sealed = cipher.encrypt(ticketTokenPurpose(tokenId), Buffer.from(token))
    await queries.run(
      `INSERT INTO ticket_tokens AS kept (token_id, holder, token, expires_at)
       VALUES ($1, $2, $3, $4)
       ON CONFLICT (token_id) DO UPDATE SET holder = excluded.holder, token = excluded.token,
         expires_at = greatest(kept.expires_at, excluded.expires_at)`,
      [tokenId, holder, sealed, expiresAt],
    )
  }

  async function ticketEpoch(holder: string): Promise<number | null> {
    const sql = 'SELECT epoch FROM ticket_epochs WHERE holder = $1'
    const row = await database.get(sql, [holder])
    return row ? integer(row, 'epoch') : null
  }

  return {
    deriveKey: cipher.deriveKey,
    ticketEpoch,
    issueTicket: async (holder, kept, now) => {
      const known = kept === null ? await ticketEpoch(holder) : null
      if (known !== null) return known
      return database.transaction(async (queries) => {
        // The row is locked, so that the epoch does not end before the token is kept.
        const row = await queries.get(
          `INSERT INTO ticket_epochs AS known (holder, epoch) VALUES ($1, $2)
           ON CONFLICT (holder) DO UPDATE SET epoch = known.epoch RETURNING epoch`,
          [holder, Math.floor(now / 1000)],
        )
        if (!row) throw new Error('the epoch of a holder was not written')
        if (kept !== null) await keepToken(queries, holder, kept)
        return integer(row, 'epoch')
      })
    },
    endTicketEpoch: (holder, now) =>
      database.transaction(async (queries) => {
        await queries.run(
          `INSERT INTO ticket_epochs AS known (holder, epoch) VALUES ($1, $2)
           ON CONFLICT (holder) DO UPDATE SET epoch = greatest(known.epoch + 1, excluded.epoch)`,
          [holder, Math.floor(now / 1000)],
        )
        await queries.run('DELETE FROM ticket_tokens WHERE holder = $1', [holder])
        await endSharesOf(queries, holder, now)
      }),
    ticketToken: async (tokenId, now) => {
      const row = await database.get(
        'SELECT token FROM ticket_tokens WHERE token_id = $1 AND expires_at > $2',
        [tokenId, now],
      )
      const plain = row ? cipher.decrypt(ticketTokenPurpose(tokenId), blob(row, 'token')) : null
      return plain?.toString('utf8') ?? null
    },
    deleteExpiredTicketTokens: async (now) => {
      await database.run('DELETE FROM ticket_tokens WHERE expires_at <= $1', [now])
      await database.run('DELETE FROM download_ties WHERE until <= $1', [now])
    },
  }
}
