import { documentFileId } from '../../../src/core/model/file-id.ts'
import type { Road } from '../../../src/core/ports/records.ts'
import type {
  RemoteDocument,
  TelegramGateway,
  TransferRequest,
} from '../../../src/core/ports/telegram.ts'
import { AppError } from '../../../src/errors.ts'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { sleep } from '../../../src/lib/waiting/sleep.ts'

const PART = 512 * KiB

export interface PostedDocument {
  messageId: number
  name: string
  mimeType: string
  bytes: Buffer
  caption?: string
  /** What came with it. */
  thumbnail?: Uint8Array | null
}

export interface FakeGateway extends TelegramGateway {
  /** Every message that was posted, oldest first. */
  readonly posted: PostedDocument[]
  /** Parts sent before the file was sealed. */
  readonly earlyParts: number[]
  readonly readBytes: number
  readonly openReads: number
  readonly blocks: { offset: number; length: number }[]
  road: Road
  early: boolean
  /** Milliseconds before each block is answered. */
  readDelayMs: number
  /** The file_id of what is posted; its document has the id 1000 + message id. */
  fileIdOf: (messageId: number) => string
  /** The thumbnails of messages. */
  readonly thumbnails: Map<number, Uint8Array>
  /** Messages whose thumbnails were asked for. */
  readonly thumbnailReads: number[]
  /** Called before each thumbnail; what it throws is what Telegram says. */
  beforeThumbnail: (messageId: number) => Promise<void>
  /** Called before each finish; what it throws is what Telegram says. */
  beforeFinish: (request: TransferRequest) => Promise<void>
  beforeRead: (block: { offset: number; length: number }) => Promise<void>
}

/** A file_id that names the document of this message, so that the worker keeps a receipt of it. */
export function documentFileIdOf(messageId: number): string {
  return documentFileId({
    id: String(1000 + messageId),
    accessHash: '1',
    fileReference: '',
    dcId: 2,
  })
}

/** The gateway port in memory: stricter than Telegram about what it is asked, and observable. */
export function createFakeGateway(): FakeGateway {
  const posted: PostedDocument[] = []
  const earlyParts: number[] = []
  const blocks: { offset: number; length: number }[] = []
  let openReads = 0
  let readBytes = 0

  async function readPart(request: TransferRequest, part: number): Promise<void> {
    const { file, journal } = request
    const offset = part * PART
    await file.read(offset, new Uint8Array(Math.min(PART, file.size - offset)))
    journal.addPart(part)
    request.onEvent({ phase: 'sending', acceptedBytes: Math.min(file.size, offset + PART) })
  }

  const fake: FakeGateway = {
    posted,
    earlyParts,
    blocks,
    road: 'mtproto-user',
    early: false,
    thumbnails: new Map(),
    thumbnailReads: [],
    beforeThumbnail: async () => {},
    readDelayMs: 0,
    fileIdOf: (messageId) => `file-${messageId}`,
    beforeFinish: async () => {},
    beforeRead: async () => {},
    get readBytes() {
      return readBytes
    },
    get openReads() {
      return openReads
    },
    roadFor: () => fake.road,
    leaseOf: ({ session, botToken }) => `account:${session ?? botToken}`,
    documentLimits: () => ({ documentBytes: 2000 * MiB, volumeBytes: 2000 * MiB }),
    sendsEarly: () => fake.early,
    sendAvailable: async (request) => {
      const { file, journal } = request
      for (let part = 0; part * PART < file.size; part++) {
        const length = Math.min(PART, file.size - part * PART)
        if (journal.hasPart(part) || !file.has(part * PART, length)) continue
        await readPart(request, part)
        if (!file.sealed) earlyParts.push(part)
      }
    },
    finish: async (request) => {
      const { file, signal } = request
      await fake.beforeFinish(request)
      signal.throwIfAborted()
      if (!file.sealed) throw new Error('finish before the file is sealed')
      const bytes = Buffer.alloc(file.size)
      for (let offset = 0; offset < file.size; offset += PART) {
        await file.read(offset, bytes.subarray(offset, Math.min(file.size, offset + PART)))
        request.onEvent({ phase: 'sending', acceptedBytes: offset })
      }
      request.onEvent({ phase: 'posting' })
      const messageId = posted.length + 1
      const thumbnail = await request.thumbnail.load()
      const caption = await request.caption()
      posted.push({
        messageId,
        name: file.name,
        mimeType: file.mimeType,
        bytes,
        caption,
        thumbnail,
      })
      if (thumbnail) fake.thumbnails.set(messageId, thumbnail)
      return { messageId, fileId: fake.fileIdOf(messageId), hasThumbnail: thumbnail !== null }
    },
    locate: async (_credentials, messageId): Promise<RemoteDocument> => {
      const document = posted.find((one) => one.messageId === messageId)
      if (!document) throw new AppError('MESSAGE_NOT_FOUND', 'There is no such file')
      return {
        id: String(1000 + messageId),
        size: document.bytes.length,
        fileName: document.name,
        mimeType: document.mimeType,
        modifiedAt: Date.UTC(2026, 0, 1),
        caption: document.caption ?? '',
        road: 'mtproto-user',
        locator: document.bytes,
      }
    },
    locateAll: async (credentials, messageIds, signal) => {
      const found = new Map<number, RemoteDocument>()
      for (const id of messageIds) {
        if (!posted.some(({ messageId }) => messageId === id)) continue
        found.set(id, await fake.locate(credentials, id, signal))
      }
      return found
    },
    readBlock: async (document, block, signal) => {
      assertAligned(block)
      blocks.push(block)
      openReads++
      try {
        await fake.beforeRead(block)
        if (fake.readDelayMs > 0) await sleep(fake.readDelayMs, signal)
        signal.throwIfAborted()
        const bytes = document.locator
        if (!(bytes instanceof Buffer)) throw new Error('not a document of this gateway')
        const slice = Uint8Array.from(bytes.subarray(block.offset, block.offset + block.length))
        readBytes += slice.length
        return slice
      } finally {
        openReads--
      }
    },
    readThumbnail: async ({ id }, signal) => {
      const messageId = Number(id) - 1000
      fake.thumbnailReads.push(messageId)
      await fake.beforeThumbnail(messageId)
      signal.throwIfAborted()
      const thumbnail = fake.thumbnails.get(messageId)
      return thumbnail ? Uint8Array.from(thumbnail) : null
    },
    // What still reads a block that was given back gets bytes that are in no file.
    reuse: (block) => void block.fill(0xee),
    assertReachable: () => {},
    waitFor: () => 0,
    waits: () => [],
    circuits: () => ({ all: {}, vital: [] }),
    windows: () => ({}),
    close: async () => {},
  }
  return fake
}

function assertAligned({ offset, length }: { offset: number; length: number }): void {
  const inOneBlock = Math.floor(offset / MiB) === Math.floor((offset + length - 1) / MiB)
  if (offset % (4 * KiB) || length % (4 * KiB) || length <= 0 || !inOneBlock) {
    throw new Error(`a request Telegram would refuse: ${offset}+${length}`)
  }
}
