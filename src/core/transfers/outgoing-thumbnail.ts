import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { OutgoingThumbnail } from '../ports/telegram.ts'

/** The thumbnail that the upload of one job has brought, until Telegram refuses it. */
export function createOutgoingThumbnail(
  uploadId: string,
  ledger: Pick<Ledger, 'uploadThumbnail'>,
  log: Log,
): OutgoingThumbnail {
  let isRefused = false

  function refused(err: unknown): void {
    isRefused = true
    log.warn({ uploadId, err }, 'a file is posted without its thumbnail')
  }

  return {
    load: async () => {
      if (isRefused) return null
      try {
        return await ledger.uploadThumbnail(uploadId)
      } catch (error) {
        refused(error)
        return null
      }
    },
    refused,
  }
}
