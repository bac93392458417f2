import { setTimeout as sleep } from 'node:timers/promises'
import { AppError } from '../../../src/errors.ts'
import { openLeases } from '../../../src/storage/postgres/cluster/leases.ts'
import { openDatabase } from '../../../src/storage/postgres/database.ts'
import { openPostgresLedger } from '../../../src/storage/postgres/ledger.ts'
import { createRecordingLog } from '../recording-log.ts'

// A node that takes a lease, carries an upload under it, and says with each line of its output how a look
// at its lease, or a write of the upload's journal, has ended: `look ok`, `write LEASE_LOST`.
const [url = '', self = '', account = '', uploadId = ''] = process.argv.slice(2)
const log = createRecordingLog()
const ledger = await openPostgresLedger({ url, key: Buffer.alloc(32), log })
const database = openDatabase({ url, log, maxConnections: 2, patienceMs: 2_000 })
const leases = await openLeases({ database, self, log })
const acquired = await leases.acquire(account)
if (acquired.kind !== 'held') throw new Error(`the lease is at ${acquired.holder}`)
await ledger.claimTransfer({ uploadId, account, node: self })

async function say(name: string, work: () => Promise<void>): Promise<void> {
  const outcome = await work().then(
    () => 'ok',
    (error: unknown) => (error instanceof AppError ? error.code : String(error)),
  )
  process.stdout.write(`${name} ${outcome}\n`)
}

for (;;) {
  await say('look', async () => acquired.lease.assertHeld())
  await say('write', () => ledger.saveAcknowledgedParts(uploadId, Uint8Array.of(1)))
  await sleep(20)
}
