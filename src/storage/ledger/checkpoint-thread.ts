import { DatabaseSync } from 'node:sqlite'
import { workerData } from 'node:worker_threads'

// The thread of `checkpointer.ts`. PASSIVE waits for no reader or writer, and none waits for it.
const database = new DatabaseSync(workerData)
database.exec('PRAGMA wal_checkpoint(PASSIVE)')
database.close()
