import type { MaintainedLedger } from '../../core/ports/ledger.ts'
import type { Log } from '../../core/ports/log.ts'
import { createCheckpointer, NO_CHECKPOINTER } from './checkpointer.ts'
import { createClockRecords } from './clock.ts'
import { wrapDatabase } from './database.ts'
import { openDatabase } from './open.ts'
import { createLedgerCipher } from './secrets/cipher.ts'
import { checkKey } from './secrets/key-check.ts'
import { createSecretRecords } from './secrets/secrets.ts'
import { createEndingRecords } from './tables/endings.ts'
import { createOutboxRecords } from './tables/outbox.ts'
import { createStreamRecords } from './tables/streams.ts'
import { createTicketRecords } from './tables/tickets.ts'
import { createTransferRecords } from './tables/transfers.ts'
import { createUploadRecords } from './tables/uploads.ts'

export interface LedgerOptions {
  /** A file, or `:memory:`. */
  path: string
  /** 32 bytes, from `loadLedgerKey`. What another key has encrypted is treated as absent. */
  key: Buffer
  log: Log
  /** Whether every call must survive a loss of power as well: each then waits for the disk. */
  fsync?: boolean
  /** Whether the disk hangs: then nothing is written, because every call here is synchronous. */
  stalled?: () => boolean
}

/**
 * Opens the ledger, which must belong to this process alone (`lockDataDir`). Calls throw
 * SPOOL_FULL when the disk is full and SPOOL_FAILED when it fails otherwise.
 */
export function openLedger(options: LedgerOptions): MaintainedLedger {
  const { path, key, log, fsync = false, stalled } = options
  const cipher = createLedgerCipher(key)
  const opened = openDatabase({ path, fsync, log })
  const checkpointer = path === ':memory:' ? NO_CHECKPOINTER : createCheckpointer(path, log)
  const database = wrapDatabase(opened, { stalled, onWrite: checkpointer.noteWrite })

  const uploads = createUploadRecords(database, cipher)
  const secrets = createSecretRecords(database, cipher)
  const clock = createClockRecords(database)
  checkKey(secrets, { isNew: clock.lastReading() === null, log })

  return {
    ...uploads,
    ...createStreamRecords(database, uploads),
    ...createTransferRecords(database),
    ...createEndingRecords(database),
    ...createOutboxRecords(database),
    ...secrets,
    ...clock,
    ...createTicketRecords(database, cipher),
    checkpoint: async () => {
      await checkpointer.run()
      // Little is left to do by now but to empty the log.
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    },
    close: () => {
      checkpointer.close()
      database.close()
    },
  }
}
