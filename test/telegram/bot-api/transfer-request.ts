import { createHash, randomBytes } from 'node:crypto'
import type { TransferState } from '../../../src/core/ports/records.ts'
import type {
  TransferEvent,
  TransferJournal,
  TransferRequest,
} from '../../../src/core/ports/telegram.ts'
import { TOKEN } from './fake-bot-api.ts'

/** What a request's message says. */
export const CAPTION = '#telestore v=1 id=000102030405060708090a0b0c0d0e0f kind=file'

export interface ObservedRequest extends TransferRequest {
  readonly events: TransferEvent[]
  readonly saved: TransferState[]
  readonly digest: string
  readonly abort: (reason?: unknown) => void
}

export interface RequestChanges {
  size?: number
  name?: string
  mimeType?: string
  channelId?: string
  botToken?: string | null
  /** What an earlier process left in the journal. */
  left?: TransferState
  /** Comes before every read. */
  beforeRead?: (offset: number) => Promise<void>
}

/** A request for a file of random bytes, with a journal in memory; remembers what it is told. */
export function makeRequest(changes: RequestChanges = {}): ObservedRequest {
  const bytes = randomBytes(changes.size ?? 1000)
  const controller = new AbortController()
  const events: TransferEvent[] = []
  const saved: TransferState[] = []
  return {
    credentials: {
      userId: 'anna',
      botToken: changes.botToken === undefined ? TOKEN : changes.botToken,
      channelId: changes.channelId ?? '-1001234567890',
      session: null,
      apiId: null,
      apiHash: null,
    },
    file: {
      uploadId: 'upload-1',
      name: changes.name ?? 'report.pdf',
      mimeType: changes.mimeType ?? 'application/pdf',
      size: bytes.length,
      sealed: true,
      has: () => true,
      read: async (offset, target) => {
        await changes.beforeRead?.(offset)
        bytes.copy(target, 0, offset, offset + target.length)
      },
    },
    caption: async () => CAPTION,
    captionId: '000102030405060708090a0b0c0d0e0f',
    kind: 'file',
    exactlyOnce: false,
    thumbnail: { load: async () => null, refused: () => {} },
    verification: { blocks: () => [], damaged: () => {}, unread: () => {} },
    journal: memoryJournal(saved, changes.left ?? null),
    signal: controller.signal,
    onEvent: (event) => events.push(event),
    events,
    saved,
    digest: createHash('sha256').update(bytes).digest('hex'),
    abort: (reason) => controller.abort(reason),
  }
}

function memoryJournal(saved: TransferState[], left: TransferState | null): TransferJournal {
  const parts = new Set<number>()
  return {
    load: async () => saved.at(-1) ?? left,
    save: async (state) => void saved.push(state),
    hasPart: (part) => parts.has(part),
    addPart: (part) => void parts.add(part),
    removePart: (part) => void parts.delete(part),
    reset: async () => void saved.splice(0),
  }
}
