import type { DownloadTieRecords } from '../../../core/ports/cluster/download-ties.ts'
import { integer } from '../../ledger/tables/rows.ts'
import type { PostgresDatabase } from '../database.ts'

/** A tie that has ended is made anew. What is there already is written once more, so that it is told. */
const TIE = `
  INSERT INTO download_ties AS tie (token, message_id, until) VALUES ($1, $2, $4)
  ON CONFLICT (token) DO UPDATE SET
    message_id = CASE WHEN tie.until > $3 THEN tie.message_id ELSE excluded.message_id END,
    until = CASE WHEN tie.until > $3 THEN tie.until ELSE excluded.until END
  RETURNING message_id`

export function createDownloadTieRecords(database: PostgresDatabase): DownloadTieRecords {
  return {
    tiedMessage: async (token, now) => {
      const row = await database.get(
        'SELECT message_id FROM download_ties WHERE token = $1 AND until > $2',
        [token, now],
      )
      return row ? integer(row, 'message_id') : null
    },
    tieDownload: async ({ token, messageId, now, until }) => {
      const row = await database.get(TIE, [token, messageId, now, until])
      if (!row) throw new Error('the tie of a download token was not written')
      return integer(row, 'message_id')
    },
  }
}
