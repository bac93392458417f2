import type { Ledger, Opening } from '../../../src/core/ports/ledger.ts'
import type { Upload } from '../../../src/core/ports/records.ts'

/** A share and a spool that refuse nothing. */
export const BOUNDLESS: Pick<Opening, 'share' | 'capacity'> = {
  share: { maxUploads: Number.MAX_SAFE_INTEGER, maxBytes: Number.MAX_SAFE_INTEGER },
  capacity: {
    limitBytes: Number.MAX_SAFE_INTEGER,
    freeBytes: Number.MAX_SAFE_INTEGER,
    presentBytes: 0,
  },
}

/** Puts a row where a test wants one, whatever else is there. Throws when the id is taken. */
export async function insertUpload(
  ledger: Pick<Ledger, 'openUpload'>,
  upload: Upload,
  token: string,
  stream: Opening['stream'] = null,
): Promise<void> {
  const opened = await ledger.openUpload({ ...BOUNDLESS, upload, token, stream })
  if (opened.kind !== 'opened') throw new Error(`the row was not opened: ${opened.kind}`)
}
