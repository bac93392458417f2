/**
 * The worker's transfer alone: chunk files of the spool, read and carried to Telegram by its gateway.
 * Its argument is the Telegram to talk to; see `answer-commands.ts`.
 */
import { randomBytes } from 'node:crypto'
import { encodeCaption } from '../../src/core/model/caption.ts'
import type { TransferState, Upload } from '../../src/core/ports/records.ts'
import type { OutgoingFile, TransferJournal } from '../../src/core/ports/telegram.ts'
import {
  createArrivingFile,
  type DigestedOutgoingFile,
  digestWhileRead,
} from '../../src/core/transfers/outgoing-file.ts'
import { MiB } from '../../src/lib/units.ts'
import { createLogger } from '../../src/logger.ts'
import { createSpool } from '../../src/storage/spool/spool.ts'
import { createAccountWaits } from '../../src/telegram/account-waits.ts'
import { createTelegramGateway } from '../../src/telegram/gateway.ts'
import { answerCommands, timed } from './answer-commands.ts'

interface Place {
  folder: string
  host: string
  port: number
  dcId: number
  publicKeyPem: string
  session: string
  apiId: number
  apiHash: string
  channelId: string
  /** False leaves out the digests of the whole file, which no peer makes. */
  digests: boolean
}

/** `spool` writes a file of this size into the spool; `send` carries it to Telegram and posts it. */
type Command = { do: 'spool'; bytes: number } | { do: 'send' }

const CHUNK_BYTES = 5 * MiB
const place: Place = JSON.parse(process.argv[2] ?? '{}')
const log = createLogger({ level: 'error' })
const spool = await createSpool({ directory: place.folder, fsync: false, log })
const native = process.env.TELESTORE_NATIVE !== 'off'
const gateway = createTelegramGateway({
  log,
  secrets: { secret: async () => null, saveSecret: async () => {}, deleteSecret: async () => {} },
  waits: createAccountWaits({ store: { save: async () => {} }, now: Date.now }),
  botApi: { root: 'http://127.0.0.1:1', local: false },
  serverKeyPem: place.publicKeyPem,
  server: place,
  native,
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
  const captionId = randomBytes(16).toString('hex')
  for (let index = 0; index < totalChunks; index++) {
    const length = Math.min(CHUNK_BYTES, size - index * CHUNK_BYTES)
    const source = (async function* () {
      yield block.subarray(0, length)
    })()
    const received = await spool.receive(source, { maxBytes: CHUNK_BYTES, signal })
    await received.claim({ id, captionId }, index)
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
    modifiedAt: null,
    captionId,
    folder: [],
    folderId: null,
    givenName: null,
    replaces: null,
    volumeBytes: null,
    postedVolumes: 0,
    freedChunks: 0,
  }
}

async function transfer(upload: Upload): Promise<void> {
  const { session, apiId, apiHash, channelId } = place
  const present = Array.from({ length: upload.totalChunks }, (_, index) => {
    const size = Math.min(CHUNK_BYTES, upload.size - index * CHUNK_BYTES)
    return { index, size, digest: '' }
  })
  const arriving = createArrivingFile(upload, spool)
  arriving.load(upload, present)
  const file = place.digests
    ? digestWhileRead(arriving, { native })
    : withoutDigests(arriving, upload)
  const { captionId, fileName: name, modifiedAt } = upload
  const common = { id: captionId, kind: 'file', name, modifiedAt, folderId: null } as const
  await gateway.finish({
    credentials: { userId: 'bench', botToken: null, channelId, session, apiId, apiHash },
    file,
    caption: async () => encodeCaption({ ...common, ...(await file.digests()) }),
    captionId,
    kind: 'file',
    exactlyOnce: false,
    thumbnail: { load: async () => null, refused: () => {} },
    verification: { blocks: () => [], damaged: () => {}, unread: () => {} },
    journal: memoryJournal(),
    signal: new AbortController().signal,
    onEvent: () => {},
  })
}

/** The same file, whose readers feed no hash. */
function withoutDigests(file: OutgoingFile, upload: Upload): DigestedOutgoingFile {
  const layout = { size: upload.size, chunkSize: CHUNK_BYTES }
  return {
    ...file,
    sealed: true,
    read: (offset, target) => spool.read(upload, layout, offset, target),
    digests: async () => ({ sha256: '0'.repeat(64), crc32: '0'.repeat(8) }),
  }
}

let spooled: Upload | null = null
await answerCommands<Command>({}, async (command) => {
  if (command.do === 'spool') {
    spooled = await spoolFile(randomBytes(8).toString('hex'), command.bytes)
    return {}
  }
  const upload = spooled
  if (!upload) throw new Error('nothing is in the spool')
  const done = await timed(async () => {
    await transfer(upload)
    return upload.size
  })
  await spool.remove(upload)
  return done
})
