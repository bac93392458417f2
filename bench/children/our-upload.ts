/**
 * The transfer alone, as the worker runs it: chunk files of the spool, read and carried to
 * Telegram by the gateway. Reads one JSON argument, prints one JSON line.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { TransferState, Upload } from '../../src/core/ports/records.ts'
import type { TransferJournal } from '../../src/core/ports/telegram.ts'
import { createArrivingFile } from '../../src/core/transfers/outgoing-file.ts'
import { MiB } from '../../src/lib/units.ts'
import { createLogger } from '../../src/logger.ts'
import { createSpool } from '../../src/storage/spool/spool.ts'
import { createAccountWaits } from '../../src/telegram/account-waits.ts'
import { createTelegramGateway } from '../../src/telegram/gateway.ts'

interface Task {
  folder: string
  megabytes: number
  session: string
  apiId: number
  apiHash: string
  channelId: string
  serverKeyPem: string
  server: { dcId: number; host: string; port: number }
}

const CHUNK_BYTES = 5 * MiB
const task: Task = JSON.parse(process.argv[2] ?? '{}')
const log = createLogger({ level: 'error' })
const spool = await createSpool({ directory: task.folder, fsync: false, log })
const gateway = createTelegramGateway({
  log,
  secrets: { secret: async () => null, saveSecret: async () => {}, deleteSecret: async () => {} },
  waits: createAccountWaits({ store: { save: async () => {} }, now: Date.now }),
  botApi: { root: 'http://127.0.0.1:1', local: false },
  serverKeyPem: task.serverKeyPem,
  server: task.server,
})

function memoryJournal(): TransferJournal {
  let state: TransferState | null = null
  const parts = new Set<number>()
  return {
    load: async () => state,
    save: async (next) => {
      state = next
    },
    hasPart: (part) => parts.has(part),
    addPart: (part) => parts.add(part),
    removePart: (part) => parts.delete(part),
    reset: async () => {
      state = null
      parts.clear()
    },
  }
}

async function spoolFile(id: string, size: number): Promise<Upload> {
  const totalChunks = Math.ceil(size / CHUNK_BYTES)
  const block = randomBytes(CHUNK_BYTES)
  const { signal } = new AbortController()
  for (let index = 0; index < totalChunks; index++) {
    const length = Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES)
    const source = (async function* () {
      yield block.subarray(0, length)
    })()
    const received = await spool.receive(source, { maxBytes: CHUNK_BYTES, signal })
    await received.claim(id, index)
  }
  return {
    id,
    owner: 'bench',
    fileName: 'bench.bin',
    mimeType: 'application/octet-stream',
    size,
    totalChunks,
    chunkSize: CHUNK_BYTES,
    state: 'sealed',
    createdAt: 0,
    touchedAt: 0,
    sealedAt: 0,
    finishedAt: null,
    result: null,
    reason: null,
    lastPercent: null,
    retryAt: null,
  }
}

async function transfer(upload: Upload): Promise<void> {
  const { session, apiId, apiHash, channelId } = task
  const present = Array.from({ length: upload.totalChunks }, (_, index) => {
    const size = Math.min(CHUNK_BYTES, upload.size - index * CHUNK_BYTES)
    return { index, size, digest: '' }
  })
  const file = createArrivingFile(upload, spool)
  file.load(upload, present)
  await gateway.finish({
    credentials: { userId: 'bench', botToken: null, channelId, session, apiId, apiHash },
    file,
    journal: memoryJournal(),
    signal: new AbortController().signal,
    onEvent: () => {},
  })
}

const name = createHash('sha256').update(randomBytes(8)).digest('hex').slice(0, 16)
await transfer(await spoolFile(`warm-${name}`, 11 * MiB))
const upload = await spoolFile(`file-${name}`, task.megabytes * MiB)
const cpu = process.cpuUsage()
const started = process.hrtime.bigint()
await transfer(upload)
const seconds = Number(process.hrtime.bigint() - started) / 1e9
const used = process.cpuUsage(cpu)
console.log(JSON.stringify({ bytes: upload.size, seconds, cpu: (used.user + used.system) / 1e6 }))
await gateway.close()
process.exit(0)
