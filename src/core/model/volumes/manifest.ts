import type { Digests } from '../../ports/records.ts'

/** What tells a manifest from any other JSON. */
const MAGIC = 'manifest'
const VERSION = 1
/** Volumes that one manifest names at most: with 20 MB each, 80 GB. */
export const MAX_VOLUMES = 4_096
/** Bytes of a manifest at most: with file ids one volume takes about 300. */
export const MAX_MANIFEST_BYTES = 2 * 1024 * 1024
/** What Telegram and this worker take as a name, with much to spare. */
const MAX_TEXT_UNITS = 4_096
/** The largest id of a message. */
const MAX_MESSAGE_ID = 0x7f_ff_ff_ff
/** How the bytes of each manifest begin: a bot, which sees no captions, tells it from other files by them. */
export const MANIFEST_BEGINNING = '{"telestore":"manifest",'
export const MANIFEST_MIME_TYPE = 'application/json'

/** A volume as its manifest names it. */
export interface ManifestVolume {
  readonly messageId: number
  /** Telegram's id of the document, decimal text; null where the Bot API did not tell it. */
  readonly documentId: string | null
  readonly size: number
  /** Lower-case hex, 8 digits. */
  readonly crc32: string
  /** By it a bot alone reads the volume; null where a user has posted it. */
  readonly fileId: string | null
}

/** The document that makes one file of its volumes. docs/format.md is its specification. */
export interface Manifest extends Digests {
  /** The id in the lines of all its posts (core/model/caption.ts). */
  readonly id: string
  readonly name: string
  readonly mimeType: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number | null
  /** In the order of their bytes. */
  readonly volumes: readonly ManifestVolume[]
}

/** The same bytes for the same manifest, so that it can be sent again. */
export function encodeManifest(manifest: Manifest): Buffer {
  const { id, name, mimeType, size, sha256, crc32, modifiedAt, volumes } = manifest
  const described = { id, name, mimeType, size, sha256, crc32, modifiedAt }
  const listed = volumes.map(({ messageId, documentId, size, crc32, fileId }) => ({
    messageId,
    documentId,
    size,
    crc32,
    ...(fileId !== null && { fileId }),
  }))
  const json = { telestore: MAGIC, version: VERSION, ...described, volumes: listed }
  return Buffer.from(JSON.stringify(json))
}

/**
 * The manifest that these bytes are; null where they are none, or one of a later version. Never
 * throws: the bytes are a stranger's.
 */
export function parseManifest(bytes: Uint8Array): Manifest | null {
  if (bytes.length > MAX_MANIFEST_BYTES) return null
  const json = fieldsOf(parseJson(bytes))
  if (json?.telestore !== MAGIC || json.version !== VERSION) return null
  const { modifiedAt } = json
  const id = hexIn(json.id, 32)
  const name = textIn(json.name)
  const mimeType = textIn(json.mimeType)
  const size = integerIn(json.size, Number.MAX_SAFE_INTEGER)
  const sha256 = hexIn(json.sha256, 64)
  const crc32 = hexIn(json.crc32, 8)
  const volumes = volumesIn(json.volumes)
  if (id === null || name === null || mimeType === null || size === null) return null
  if (sha256 === null || crc32 === null || volumes === null) return null
  if (modifiedAt !== null && !Number.isSafeInteger(modifiedAt)) return null
  if (volumes.reduce((sum, volume) => sum + volume.size, 0) !== size) return null
  const time = typeof modifiedAt === 'number' ? modifiedAt : null
  return { id, name, mimeType, size, sha256, crc32, modifiedAt: time, volumes }
}

/** Null unless all of them can be read, and no message stands for two of them. */
function volumesIn(value: unknown): ManifestVolume[] | null {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_VOLUMES) return null
  const volumes = value.map(volumeIn).filter((volume) => volume !== null)
  const messageIds = new Set(volumes.map(({ messageId }) => messageId))
  return messageIds.size === value.length ? volumes : null
}

function volumeIn(value: unknown): ManifestVolume | null {
  const json = fieldsOf(value)
  if (json === null) return null
  const messageId = integerIn(json.messageId, MAX_MESSAGE_ID)
  const size = integerIn(json.size, Number.MAX_SAFE_INTEGER)
  const crc32 = hexIn(json.crc32, 8)
  const documentId = json.documentId === null ? null : decimalIn(json.documentId)
  const fileId = json.fileId === undefined ? null : textIn(json.fileId)
  if (messageId === null || size === null || crc32 === null) return null
  if (documentId === null && json.documentId !== null) return null
  if (fileId === null && json.fileId !== undefined) return null
  return { messageId, documentId, size, crc32, fileId }
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return null
  }
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null
  return Object.fromEntries(Object.entries(value))
}

/** A whole number from 1 on. */
function integerIn(value: unknown, max: number): number | null {
  const isSound = typeof value === 'number' && Number.isSafeInteger(value)
  return isSound && value >= 1 && value <= max ? value : null
}

function textIn(value: unknown): string | null {
  const isSound = typeof value === 'string' && value !== '' && value.length <= MAX_TEXT_UNITS
  return isSound ? value : null
}

function hexIn(value: unknown, digits: number): string | null {
  const isHex = typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value)
  return isHex ? value : null
}

/** A long, as decimal text. */
function decimalIn(value: unknown): string | null {
  return typeof value === 'string' && /^-?\d{1,19}$/.test(value) ? value : null
}
