import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { TransferState } from '../../core/ports/records.ts'
import type { OutgoingFile, TransferJournal, TransferRequest } from '../../core/ports/telegram.ts'
import type { TelegramCall } from './calls.ts'

export type SmallPostCall = Extract<TelegramCall, { call: 'postSmall' }>

/** What is asked of the node that has the account; `journal`: its name there. */
export async function askToPost(
  { credentials, file, journal, thumbnail, ...request }: TransferRequest,
  name: string,
): Promise<SmallPostCall> {
  const { captionId, kind, exactlyOnce } = request
  const bytes = new Uint8Array(file.size)
  await file.read(0, bytes)
  const picture = await thumbnail.load()
  return {
    call: 'postSmall',
    ...{ credentials, captionId, kind, exactlyOnce, journal: name },
    file: { name: file.name, mimeType: file.mimeType, bytes: toBase64(bytes) },
    caption: await request.caption(),
    thumbnail: picture && toBase64(picture),
    state: await journal.load(),
  }
}

export interface Asked {
  signal: AbortSignal
  asker: NodeAddress
  emit: (event: unknown) => void
  /** Resolves when the asker has saved it. */
  save: (state: TransferState | null) => Promise<void>
}

/** The request that was asked for, at the node that has the account. */
export function requestOf(call: SmallPostCall, { signal, emit, save }: Asked): TransferRequest {
  const { credentials, captionId, kind, exactlyOnce, caption } = call
  const picture = call.thumbnail === null ? null : Buffer.from(call.thumbnail, 'base64')
  return {
    ...{ credentials, captionId, kind, exactlyOnce, signal },
    caption: async () => caption,
    file: fileOf(call),
    journal: journalOf(call.state, save),
    // The asker knows what it has sent, and compares nothing of so small a file.
    verification: { blocks: () => [], damaged: () => {}, unread: () => {} },
    thumbnail: { load: async () => picture, refused: () => {} },
    onEvent: (event) => {
      if (event.phase === 'waiting') emit({ wait: event.retryAfter })
    },
  }
}

function fileOf({ captionId, file: { name, mimeType, bytes: text } }: SmallPostCall): OutgoingFile {
  const bytes = Buffer.from(text, 'base64')
  return {
    ...{ uploadId: captionId, name, mimeType, size: bytes.length, sealed: true },
    has: () => true,
    read: async (offset, target) => target.set(bytes.subarray(offset, offset + target.length)),
  }
}

/** Its parts are few: another try sends them again. */
function journalOf(first: TransferState | null, save: Asked['save']): TransferJournal {
  let state = first
  const parts = new Set<number>()
  const write = async (next: TransferState | null): Promise<void> => {
    await save(next)
    state = next
  }
  return {
    load: async () => state,
    save: write,
    hasPart: (part) => parts.has(part),
    addPart: (part) => void parts.add(part),
    removePart: (part) => void parts.delete(part),
    reset: () => {
      parts.clear()
      return write(null)
    },
  }
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')
}
