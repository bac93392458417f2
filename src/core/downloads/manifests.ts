import { AppError } from '../../errors.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { untilAborted } from '../../lib/waiting/abortable.ts'
import type { ByteRange } from '../model/byte-range.ts'
import { type CaptionLine, findLine } from '../model/caption.ts'
import { documentIdIn } from '../model/file-id.ts'
import {
  MANIFEST_BEGINNING,
  MAX_MANIFEST_BYTES,
  type Manifest,
  type ManifestVolume,
  parseManifest,
} from '../model/volumes/manifest.ts'
import { rangesOfVolumes } from '../model/volumes/ranges.ts'
import type { Credentials } from '../ports/credentials.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'
import type { DocumentReader, Span } from './document-reader.ts'

/** A document that may be a manifest. */
export interface MaybeManifest {
  credentials: Credentials
  messageId: number
  document: RemoteDocument
  /** What its volumes have together as the library knows it: where that changes, they are located anew. */
  listedSize: number | null
}

/** The file that a manifest makes of its volumes. */
export interface JoinedFile {
  readonly manifest: Manifest
  /** As `DocumentReader.read`. Rejects with FILE_INCOMPLETE where Telegram has lost a volume. */
  readonly read: (range: ByteRange, signal: AbortSignal) => AsyncGenerator<Uint8Array>
}

export interface Manifests {
  /**
   * Opens a manifest; null: the document is none, and so a file of its own. A manifest is one by its own
   * line, posted and not forwarded, and by what it holds; a bot that sees no messages goes by the latter
   * alone. All volumes are looked for at once: rejects with FILE_INCOMPLETE where a message is gone, or
   * is not the volume that the manifest names. What was found is remembered for less than an hour.
   */
  open: (found: MaybeManifest, signal: AbortSignal) => Promise<JoinedFile | null>
}

export interface ManifestsOptions {
  gateway: Pick<TelegramGateway, 'locate' | 'locateAll'>
  reader: DocumentReader
}

/** Milliseconds. Volumes and files that are opened again within them cost no request. */
const REMEMBERED_MS = 50 * 60_000
/** Volumes that are remembered, of all files together: each takes a kilobyte or two. */
const MAX_REMEMBERED = 10_000

const BEGINNING = Buffer.from(MANIFEST_BEGINNING)

/** What a manifest has turned out to be. */
interface Opened {
  manifest: Manifest
  /** Returns the document of a volume, or locates it. */
  locate: (index: number) => RemoteDocument | Promise<RemoteDocument>
}

export function createManifests({ gateway, reader }: ManifestsOptions): Manifests {
  const known = createTtlCache<Opened | 'file'>({
    maxEntries: MAX_REMEMBERED,
    weigh: (opened) => (opened === 'file' ? 1 : opened.manifest.volumes.length),
  })

  async function load(found: MaybeManifest, line: CaptionLine | null): Promise<Opened | 'file'> {
    // Shared by all that ask meanwhile, so that no caller's leaving ends it.
    const { signal } = new AbortController()
    const { document } = found
    // Without a line every small file may be one, and most are not.
    if (line === null) {
      const beginning = await readBytes(document, Math.min(BEGINNING.length, document.size), signal)
      if (!BEGINNING.equals(beginning)) return 'file'
    }
    const manifest = parseManifest(await readBytes(document, document.size, signal))
    if (manifest === null) return 'file'
    if (line === null) return { manifest, locate: byFileIds(found, manifest) }
    if (line.id !== manifest.id) throw notItsOwn()
    return { manifest, locate: await byMessages(found, manifest) }
  }

  /** The first bytes of a document. */
  async function readBytes(
    document: RemoteDocument,
    length: number,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const range = { start: 0, end: length - 1 }
    const pieces: Uint8Array[] = []
    // A piece is only good until the next one is asked for.
    for await (const piece of reader.read([{ range, document: () => document }], signal)) {
      pieces.push(Uint8Array.from(piece))
    }
    return Buffer.concat(pieces)
  }

  /** Finds all volumes by their messages, and checks that they are what the manifest says. */
  async function byMessages(
    { credentials }: MaybeManifest,
    manifest: Manifest,
  ): Promise<Opened['locate']> {
    const { volumes } = manifest
    const ids = volumes.map(({ messageId }) => messageId)
    const found = await gateway.locateAll(credentials, ids, new AbortController().signal)
    const documents = volumes.map((volume, index) => {
      const document = found.get(volume.messageId)
      if (!document) throw incomplete(manifest, index, 'is missing in Telegram')
      if (!isVolume(document, { manifest, volume, number: index + 1 })) {
        throw incomplete(manifest, index, 'is not what its manifest says')
      }
      return document
    })
    return (index) => {
      const document = documents[index]
      if (!document) throw new Error('a file has no such volume')
      return document
    }
  }

  /** A bot alone knows no messages. It locates a volume when it is needed: each is one request. */
  function byFileIds({ credentials }: MaybeManifest, manifest: Manifest): Opened['locate'] {
    const { volumes } = manifest
    for (const [index, { fileId, documentId }] of volumes.entries()) {
      const named = fileId === null ? null : documentIdIn(fileId)
      if (fileId === null) throw incomplete(manifest, index, 'has no file id, which a bot needs')
      if (named !== null && documentId !== null && named !== documentId) {
        throw incomplete(manifest, index, 'is not what its manifest says')
      }
    }
    const forever = new AbortController().signal
    return async (index) => {
      const { messageId, fileId, size } = volumes[index] ?? {}
      if (messageId === undefined || !fileId) throw new Error('a file has no such volume')
      const document = await gateway.locate(credentials, messageId, forever, fileId)
      if (document.size !== size) throw incomplete(manifest, index, 'is not what its manifest says')
      return document
    }
  }

  async function* read(
    { manifest, locate }: Opened,
    range: ByteRange,
    { signal, onLost }: { signal: AbortSignal; onLost: () => void },
  ): AsyncGenerator<Uint8Array> {
    const { volumes } = manifest
    const spans = rangesOfVolumes(volumes, range).map(({ index, ...within }): Span => {
      return { range: within, document: () => locate(index) }
    })
    let at = range.start
    try {
      for await (const bytes of reader.read(spans, signal)) {
        yield bytes
        at += bytes.length
      }
    } catch (error) {
      if (!isLost(error)) throw error
      onLost()
      const [first] = rangesOfVolumes(volumes, { start: at, end: at })
      throw incomplete(manifest, first?.index ?? 0, 'is missing in Telegram', error)
    }
  }

  return {
    open: async (found, signal) => {
      const { credentials, messageId, document, listedSize } = found
      if (document.size > MAX_MANIFEST_BYTES) return null
      const line = document.caption === null ? null : findLine(document.caption)
      const seesNothing = document.road === 'bot-api'
      if (!seesNothing && line?.kind !== 'manifest') return null
      const { userId, channelId } = credentials
      const key = [userId, channelId, messageId, document.id, line?.id, listedSize].join(' ')
      const loading = known.load(
        key,
        () => load(found, seesNothing ? null : line),
        () => REMEMBERED_MS,
      )
      const opened = await untilAborted(loading, signal)
      if (opened === 'file') return null
      // The next one who opens it hears of the loss before the first byte.
      const onLost = (): void => known.delete(key)
      return {
        manifest: opened.manifest,
        read: (range, aborts) => read(opened, range, { signal: aborts, onLost }),
      }
    },
  }
}

/** Whether a document is the volume of this number: by its own line, and by what Telegram says of it. */
function isVolume(
  { id, size, caption }: RemoteDocument,
  { manifest, volume, number }: { manifest: Manifest; volume: ManifestVolume; number: number },
): boolean {
  const line = caption === null ? null : findLine(caption)
  if (line === null || typeof line.kind !== 'object' || line.id !== manifest.id) return false
  const { kind } = line
  const isPlace = kind.volume === number && kind.of === manifest.volumes.length
  return isPlace && size === volume.size && (volume.documentId ?? id) === id
}

function isLost(error: unknown): error is AppError {
  return error instanceof AppError && error.code === 'MESSAGE_NOT_FOUND'
}

function notItsOwn(): AppError {
  const sentence = 'The file cannot be read: its manifest is that of another file'
  return new AppError('FILE_INCOMPLETE', sentence)
}

function incomplete({ volumes }: Manifest, index: number, what: string, cause?: unknown): AppError {
  const volume = index + 1
  const of = volumes.length
  const sentence = `The file cannot be read: volume ${volume} of ${of} ${what}`
  const { messageId } = volumes[index] ?? {}
  return new AppError('FILE_INCOMPLETE', sentence, { cause, details: { volume, of, messageId } })
}
