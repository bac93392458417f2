/*
 * The records of a ZIP file (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5), without compression.
 * An entry whose CRC-32 is not known beforehand has bit 3 and a data descriptor behind its bytes; its
 * sizes stand in its header all the same, so that readers of streams know where it ends.
 */

/** A file or an empty folder in the archive. */
export interface ZipEntry {
  /** With slashes; a folder's ends with one. */
  readonly path: string
  readonly size: number
  /** Epoch milliseconds. */
  readonly modifiedAt: number
  /** Null: it stands behind the bytes. */
  readonly crc32: number | null
}

/** What does not fit into 32 or 16 bits is written as ones, and stands in a ZIP64 record. */
const ONES_32 = 0xffff_ffff
const ONES_16 = 0xffff
/** The most entries of an archive. */
export const MAX_ENTRIES = 65_535

const VERSION = 20
const VERSION_ZIP64 = 45
const MADE_BY_UNIX = 3 << 8
const HAS_DESCRIPTOR = 1 << 3
const IS_UTF8 = 1 << 11
const FILE_MODE = 0o100644
const FOLDER_MODE = 0o040755
const FOLDER_OF_DOS = 0x10

const LOCAL_BYTES = 30
const CENTRAL_BYTES = 46
const ZIP64_ID = 0x0001
const TIME_ID = 0x5455
const TIME_BYTES = 9

export function localHeader(entry: ZipEntry): Buffer {
  const isLarge = isZip64(entry)
  const extra = Buffer.concat([
    isLarge ? zip64Field([entry.size, entry.size]) : EMPTY,
    timeField(entry),
  ])
  const name = Buffer.from(entry.path)
  const head = Buffer.alloc(LOCAL_BYTES)
  head.writeUInt32LE(0x0403_4b50, 0)
  head.writeUInt16LE(isLarge ? VERSION_ZIP64 : VERSION, 4)
  writeCommon(head, 6, { entry, crc32: entry.crc32 ?? 0, nameBytes: name.length })
  head.writeUInt16LE(extra.length, 28)
  return Buffer.concat([head, name, extra])
}

export function localHeaderBytes(entry: ZipEntry): number {
  const extra = (isZip64(entry) ? 20 : 0) + timeBytes(entry)
  return LOCAL_BYTES + Buffer.byteLength(entry.path) + extra
}

/** What follows the bytes of an entry whose CRC-32 was not known. */
export function dataDescriptor(entry: ZipEntry, crc32: number): Buffer {
  const bytes = Buffer.alloc(dataDescriptorBytes(entry))
  bytes.writeUInt32LE(0x0807_4b50, 0)
  bytes.writeUInt32LE(crc32, 4)
  if (isZip64(entry)) {
    bytes.writeBigUInt64LE(BigInt(entry.size), 8)
    bytes.writeBigUInt64LE(BigInt(entry.size), 16)
  } else {
    bytes.writeUInt32LE(entry.size, 8)
    bytes.writeUInt32LE(entry.size, 12)
  }
  return bytes
}

export function dataDescriptorBytes(entry: ZipEntry): number {
  if (entry.crc32 !== null) return 0
  return isZip64(entry) ? 24 : 16
}

/** The entry in the central directory. `offset`: where its local header begins. */
export function centralHeader(
  entry: ZipEntry,
  { offset, crc32 }: { offset: number; crc32: number },
): Buffer {
  const large = [...(isZip64(entry) ? [entry.size, entry.size] : []), ...large32(offset)]
  const extra = Buffer.concat([large.length > 0 ? zip64Field(large) : EMPTY, timeField(entry)])
  const name = Buffer.from(entry.path)
  const isFolder = entry.path.endsWith('/')
  const head = Buffer.alloc(CENTRAL_BYTES)
  head.writeUInt32LE(0x0201_4b50, 0)
  head.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 4)
  head.writeUInt16LE(large.length > 0 ? VERSION_ZIP64 : VERSION, 6)
  writeCommon(head, 8, { entry, crc32, nameBytes: name.length })
  head.writeUInt16LE(extra.length, 30)
  head.writeUInt16LE(isFolder ? FOLDER_MODE : FILE_MODE, 40)
  head.writeUInt16LE(isFolder ? FOLDER_OF_DOS : 0, 38)
  head.writeUInt32LE(Math.min(offset, ONES_32), 42)
  return Buffer.concat([head, name, extra])
}

export function centralHeaderBytes(entry: ZipEntry, offset: number): number {
  const large = (isZip64(entry) ? 16 : 0) + (offset >= ONES_32 ? 8 : 0)
  const extra = (large > 0 ? 4 + large : 0) + timeBytes(entry)
  return CENTRAL_BYTES + Buffer.byteLength(entry.path) + extra
}

export interface CentralDirectory {
  entries: number
  offset: number
  bytes: number
}

/** The end of the archive, with its ZIP64 records where one of its numbers is too large. */
export function endOfArchive({ entries, offset, bytes }: CentralDirectory): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x0605_4b50, 0)
  end.writeUInt16LE(Math.min(entries, ONES_16), 8)
  end.writeUInt16LE(Math.min(entries, ONES_16), 10)
  end.writeUInt32LE(Math.min(bytes, ONES_32), 12)
  end.writeUInt32LE(Math.min(offset, ONES_32), 16)
  if (entries < ONES_16 && bytes < ONES_32 && offset < ONES_32) return end
  const large = Buffer.alloc(56)
  large.writeUInt32LE(0x0606_4b50, 0)
  large.writeBigUInt64LE(44n, 4)
  large.writeUInt16LE(MADE_BY_UNIX | VERSION_ZIP64, 12)
  large.writeUInt16LE(VERSION_ZIP64, 14)
  large.writeBigUInt64LE(BigInt(entries), 24)
  large.writeBigUInt64LE(BigInt(entries), 32)
  large.writeBigUInt64LE(BigInt(bytes), 40)
  large.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.writeUInt32LE(0x0706_4b50, 0)
  locator.writeBigUInt64LE(BigInt(offset + bytes), 8)
  locator.writeUInt32LE(1, 16)
  return Buffer.concat([large, locator, end])
}

const EMPTY = Buffer.alloc(0)

function isZip64({ size }: ZipEntry): boolean {
  return size >= ONES_32
}

function large32(value: number): number[] {
  return value >= ONES_32 ? [value] : []
}

/** The 22 bytes from the flags on that both headers of an entry have. */
function writeCommon(
  head: Buffer,
  at: number,
  { entry, crc32, nameBytes }: { entry: ZipEntry; crc32: number; nameBytes: number },
): void {
  const { time, date } = dosTime(entry.modifiedAt)
  head.writeUInt16LE(IS_UTF8 | (entry.crc32 === null ? HAS_DESCRIPTOR : 0), at)
  head.writeUInt16LE(time, at + 4)
  head.writeUInt16LE(date, at + 6)
  head.writeUInt32LE(crc32, at + 8)
  head.writeUInt32LE(Math.min(entry.size, ONES_32), at + 12)
  head.writeUInt32LE(Math.min(entry.size, ONES_32), at + 16)
  head.writeUInt16LE(nameBytes, at + 20)
}

function zip64Field(values: readonly number[]): Buffer {
  const field = Buffer.alloc(4 + 8 * values.length)
  field.writeUInt16LE(ZIP64_ID, 0)
  field.writeUInt16LE(8 * values.length, 2)
  for (const [at, value] of values.entries()) field.writeBigUInt64LE(BigInt(value), 4 + 8 * at)
  return field
}

/** Info-ZIP's time in UTC, where its 32 bits can tell it. */
function timeField(entry: ZipEntry): Buffer {
  if (timeBytes(entry) === 0) return EMPTY
  const field = Buffer.alloc(TIME_BYTES)
  field.writeUInt16LE(TIME_ID, 0)
  field.writeUInt16LE(5, 2)
  field.writeUInt8(1, 4)
  field.writeInt32LE(seconds(entry.modifiedAt), 5)
  return field
}

function timeBytes({ modifiedAt }: ZipEntry): number {
  const time = seconds(modifiedAt)
  return time === (time | 0) ? TIME_BYTES : 0
}

function seconds(ms: number): number {
  return Math.floor(ms / 1000)
}

const DOS_FIRST = Date.UTC(1980, 0, 1)
const DOS_LAST = Date.UTC(2107, 11, 31, 23, 59, 58)

/** MS-DOS knows no zones: this is UTC, so that an archive is the same wherever it is made. */
function dosTime(ms: number): { time: number; date: number } {
  const at = new Date(Math.min(Math.max(ms, DOS_FIRST), DOS_LAST))
  const time = (at.getUTCHours() << 11) | (at.getUTCMinutes() << 5) | (at.getUTCSeconds() >> 1)
  const date = ((at.getUTCFullYear() - 1980) << 9) | ((at.getUTCMonth() + 1) << 5) | at.getUTCDate()
  return { time, date }
}
