import { randomBytes } from 'node:crypto'
import { onTestFinished } from 'vitest'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { describeLedger } from '../../helpers/storage/ledger-contract/ledger-contract.ts'

// One process has the file, so all its callers share the one ledger.
describeLedger('the ledger in SQLite', async () => {
  const ledger = openLedger({ path: ':memory:', key: randomBytes(32), log: createRecordingLog() })
  onTestFinished(() => ledger.close().catch(() => {}))
  return { ledger, other: ledger }
})
