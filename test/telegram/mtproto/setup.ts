import { createHash } from 'node:crypto'
import type { EmulatedAccount, Emulator } from 'telegram-emulator'
import { onTestFinished } from 'vitest'
import { decodeCaption } from '../../../src/core/model/caption.ts'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import type { MtprotoTransferState, TransferState } from '../../../src/core/ports/records.ts'
import type {
  OutgoingFile,
  OutgoingThumbnail,
  RemoteDocument,
  TelegramGateway,
  TransferEvent,
  TransferJournal,
  TransferRequest,
  Verification,
} from '../../../src/core/ports/telegram.ts'
import { createAccountWaits } from '../../../src/telegram/account-waits.ts'
import {
  type ConnectedTelegram,
  createTelegramGateway,
  type TelegramGatewayOptions,
} from '../../../src/telegram/gateway.ts'
import { createWaitStore } from '../../../src/telegram/wait-store.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'

export interface StartedGateway {
  gateway: ConnectedTelegram
  log: ReturnType<typeof createRecordingLog>
  secrets: Map<string, Buffer>
}

export type GatewayOptions = Partial<Omit<TelegramGatewayOptions, 'secrets'>> & {
  secrets?: Map<string, Buffer>
}

/** A gateway to the emulated Telegram; closed when the test ends. */
export function startGateway(telegram: Emulator, options: GatewayOptions = {}): StartedGateway {
  return startGatewayAt(telegram, options)
}

/** The same, told only where that Telegram is. */
export function startGatewayAt(
  telegram: Pick<Emulator, 'mtproto' | 'botApi'>,
  options: GatewayOptions = {},
): StartedGateway {
  const log = createRecordingLog()
  const { secrets = new Map<string, Buffer>(), ...changes } = options
  const { host, port, dcId, publicKeyPem } = telegram.mtproto
  const gateway = createTelegramGateway({
    log,
    secrets: secretsIn(secrets),
    waits: createAccountWaits({ store: createWaitStore(secretsIn(secrets)), now: Date.now }),
    botApi: { root: telegram.botApi.root, local: false },
    serverKeyPem: publicKeyPem,
    server: { dcId, host, port },
    native: process.env.TELESTORE_NATIVE !== 'off',
    ...changes,
  })
  onTestFinished(() => gateway.close())
  return { gateway, log, secrets }
}

/** The ledger's secrets, kept in a map. */
export function secretsIn(secrets: Map<string, Buffer>): TelegramGatewayOptions['secrets'] {
  return {
    secret: async (name) => secrets.get(name) ?? null,
    saveSecret: async (name, value) => void secrets.set(name, value),
    deleteSecret: async (name) => void secrets.delete(name),
  }
}

/** The user of an emulated account, without its bot. */
export function userOf(account: EmulatedAccount): Credentials {
  return {
    userId: account.label,
    botToken: null,
    channelId: account.channelId,
    session: account.session,
    apiId: account.apiId,
    apiHash: account.apiHash,
  }
}

/** The bot of an emulated account, without its user. */
export function botOf(account: EmulatedAccount): Credentials {
  return { ...userOf(account), session: null, botToken: account.botToken }
}

/** Within a run of so many bytes each is the last one and 31; runs begin anywhere. */
const RUN = 512
const STEPS = Uint8Array.from({ length: 256 + RUN }, (_, step) => step * 31)
/** Where in the steps a run of this first byte begins. */
const STEP_OF = Uint8Array.from({ length: 256 }, (_, first) => STEPS.indexOf(first))

/** Bytes of a file that is never held: the same seed gives the same bytes. */
export function fillAt(seed: number, offset: number, target: Uint8Array): void {
  for (let at = 0; at < target.length; ) {
    const position = offset + at
    const first = (position * 31 + (position >> 9) * 7 + (position >> 19) * 131 + seed) & 255
    const length = Math.min(RUN - (position % RUN), target.length - at)
    const step = STEP_OF[first] ?? 0
    target.set(STEPS.subarray(step, step + length), at)
    at += length
  }
}

export interface FakeFile extends OutgoingFile {
  sealed: boolean
  /** Bytes that are here; all of them unless a test holds some back. */
  arrived: number
  readonly reads: number
}

export function createFile(
  size: number,
  {
    seed = 1,
    name = 'file.bin',
    arrived = size,
  }: { seed?: number; name?: string; arrived?: number } = {},
): FakeFile {
  let reads = 0
  const file: FakeFile = {
    uploadId: `upload-${seed}`,
    name,
    mimeType: 'application/octet-stream',
    size,
    sealed: arrived === size,
    arrived,
    has: (offset, length) => offset + length <= file.arrived,
    read: async (offset, target) => {
      reads++
      fillAt(seed, offset, target)
    },
    get reads() {
      return reads
    },
  }
  return file
}

export interface MemoryJournal extends TransferJournal {
  readonly parts: Set<number>
  /** Null also while the Bot API has the file. */
  readonly state: MtprotoTransferState | null
  /** Everything that was saved on MTProto's roads, in order. */
  readonly saved: MtprotoTransferState[]
}

export function createJournal(from?: MemoryJournal): MemoryJournal {
  const parts = new Set(from?.parts)
  const saved: MtprotoTransferState[] = []
  let current: TransferState | null = from?.state ?? null
  const onMtproto = (state: TransferState | null): MtprotoTransferState | null =>
    state === null || state.road === 'bot-api' ? null : state
  return {
    parts,
    saved,
    get state() {
      return onMtproto(current)
    },
    load: async () => current,
    save: async (next) => {
      current = next
      const state = onMtproto(next)
      if (state !== null) saved.push(state)
    },
    hasPart: (part) => parts.has(part),
    addPart: (part) => void parts.add(part),
    removePart: (part) => void parts.delete(part),
    reset: async () => {
      parts.clear()
      current = null
    },
  }
}

export interface TestRequest extends TransferRequest {
  file: FakeFile
  journal: MemoryJournal
  events: TransferEvent[]
}

const CAPTION_ID = '000102030405060708090a0b0c0d0e0f'
/** What a request's message says by default. */
export const CAPTION = `#telestore v=1 id=${CAPTION_ID} kind=file`

export function createRequest(
  credentials: Credentials,
  file: FakeFile,
  options: {
    journal?: MemoryJournal
    signal?: AbortSignal
    caption?: string
    /** Nothing is read back by default. */
    verification?: Verification
    thumbnail?: OutgoingThumbnail
    exactlyOnce?: boolean
  } = {},
): TestRequest {
  const events: TransferEvent[] = []
  const line = decodeCaption(options.caption ?? CAPTION, null)
  return {
    credentials,
    file,
    caption: async () => options.caption ?? CAPTION,
    captionId: line?.id ?? '',
    kind: line?.kind ?? 'file',
    exactlyOnce: options.exactlyOnce ?? false,
    verification: options.verification ?? {
      blocks: () => [],
      damaged: () => {},
      unread: () => {},
    },
    thumbnail: options.thumbnail ?? { load: async () => null, refused: () => {} },
    journal: options.journal ?? createJournal(),
    signal: options.signal ?? new AbortController().signal,
    onEvent: (event) => void events.push(event),
    events,
  }
}

/** SHA-256 of the whole document, read block by block, several at once. */
export async function hashOf(
  gateway: TelegramGateway,
  document: RemoteDocument,
  { block = 1024 * 1024, parallel = 4 } = {},
): Promise<string> {
  const signal = new AbortController().signal
  const digest = createHash('sha256')
  for (let offset = 0; offset < document.size; offset += block * parallel) {
    const offsets = Array.from({ length: parallel }, (_, index) => offset + index * block).filter(
      (at) => at < document.size,
    )
    const pieces = await Promise.all(
      offsets.map((at) => gateway.readBlock(document, { offset: at, length: block }, signal)),
    )
    for (const piece of pieces) digest.update(piece)
  }
  return digest.digest('hex')
}

/** The same of what a file was made of. */
export function expectedHash(file: { size: number }, seed = 1): string {
  const digest = createHash('sha256')
  const piece = new Uint8Array(1024 * 1024)
  for (let offset = 0; offset < file.size; offset += piece.length) {
    const target = piece.subarray(0, Math.min(piece.length, file.size - offset))
    fillAt(seed, offset, target)
    digest.update(target)
  }
  return digest.digest('hex')
}
