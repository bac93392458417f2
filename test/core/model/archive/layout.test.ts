import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { layOutArchive, piecesOf } from '../../../../src/core/model/archive/layout.ts'
import {
  centralHeader,
  centralHeaderBytes,
  dataDescriptor,
  dataDescriptorBytes,
  endOfArchive,
  localHeader,
  localHeaderBytes,
  type ZipEntry,
} from '../../../../src/core/model/archive/zip.ts'
import type { ByteRange } from '../../../../src/core/model/byte-range.ts'

const ONES = 0xffff_ffff
const LARGE = 6_000_000_000

const entry: fc.Arbitrary<{ entry: ZipEntry; bytes: Buffer }> = fc
  .record({
    path: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
    body: fc.uint8Array({ maxLength: 40 }),
    modifiedAt: fc.integer({ min: -1e13, max: 1e13 }),
    isKnown: fc.boolean(),
  })
  .map(({ path, body, modifiedAt, isKnown }) => {
    const bytes = Buffer.from(body)
    const known = isKnown ? crc32(bytes) : null
    return { entry: { path, size: bytes.length, modifiedAt, crc32: known }, bytes }
  })

test('every range of an archive is that slice of the whole', () => {
  fc.assert(
    fc.property(
      fc.array(entry, { minLength: 1, maxLength: 6 }),
      fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 20 }),
      (files, places) => {
        const layout = layOutArchive(files.map(({ entry: each }) => each))
        const read = (range: ByteRange): Buffer => bytesOf(files, range)
        const whole = read({ start: 0, end: layout.size - 1 })

        expect(whole).toHaveLength(layout.size)
        for (const [a, b] of places) {
          const start = Math.min(a % layout.size, b % layout.size)
          const end = Math.max(a % layout.size, b % layout.size)
          expect(read({ start, end }).equals(whole.subarray(start, end + 1))).toBe(true)
        }
      },
    ),
    { seed: 20_261_129, numRuns: 300 },
  )
})

test('ranges of a directory that comes in several pieces are slices of it, too', () => {
  const files = Array.from({ length: 3_000 }, (_, n) => {
    return {
      entry: makeEntry({ path: `file ${n}`, size: 1, crc32: null }),
      bytes: Buffer.from('x'),
    }
  })
  const layout = layOutArchive(files.map(({ entry: each }) => each))
  const whole = bytesOf(files, { start: 0, end: layout.size - 1 })
  const directory = layout.centrals[0] ?? 0
  const far = fc.integer({ min: directory - 100, max: layout.size - 1 })

  fc.assert(
    fc.property(far, far, (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)]
      expect(bytesOf(files, { start, end }).equals(whole.subarray(start, end + 1))).toBe(true)
    }),
    { seed: 20_261_129, numRuns: 30 },
  )
})

test('the offsets in the directory are where the local headers are', () => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 6 }), (files) => {
      const layout = layOutArchive(files.map(({ entry: each }) => each))
      const whole = bytesOf(files, { start: 0, end: layout.size - 1 })

      const end = whole.length - 22
      let at = whole.readUInt32LE(end + 16)
      expect(whole.readUInt32LE(end)).toBe(0x0605_4b50)
      expect(at + whole.readUInt32LE(end + 12)).toBe(end)
      for (const { entry: each, bytes } of files) {
        const local = whole.readUInt32LE(at + 42)
        const nameBytes = whole.readUInt16LE(at + 28)
        const body = local + 30 + nameBytes + whole.readUInt16LE(local + 28)
        expect(whole.readUInt32LE(at)).toBe(0x0201_4b50)
        expect(whole.readUInt32LE(local)).toBe(0x0403_4b50)
        expect(whole.toString('utf8', local + 30, local + 30 + nameBytes)).toBe(each.path)
        expect(whole.readUInt32LE(at + 16)).toBe(crc32(bytes))
        expect(whole.subarray(body, body + each.size).equals(bytes)).toBe(true)
        at += 46 + nameBytes + whole.readUInt16LE(at + 30)
      }
      expect(at).toBe(end)
    }),
    { seed: 20_261_129, numRuns: 200 },
  )
})

test.each<[string, Partial<ZipEntry>, boolean]>([
  ['of 4 GiB less two bytes', { size: ONES - 1 }, false],
  ['of 4 GiB less one byte', { size: ONES }, true],
  ['of 4 GiB', { size: ONES + 1 }, true],
  ['without CRC-32', { crc32: null, size: 5 }, false],
  ['of 6 GB without CRC-32', { crc32: null, size: LARGE }, true],
])('an entry %s has a ZIP64 field: %j', (_, facts, isZip64) => {
  const each = makeEntry(facts)

  const local = localHeader(each)
  const central = centralHeader(each, { offset: 0, crc32: 7 })

  expect(local).toHaveLength(localHeaderBytes(each))
  expect(central).toHaveLength(centralHeaderBytes(each, 0))
  expect(local.readUInt16LE(4)).toBe(isZip64 ? 45 : 20)
  expect(local.readUInt32LE(18)).toBe(isZip64 ? ONES : each.size)
  expect(central.readUInt32LE(20)).toBe(isZip64 ? ONES : each.size)
  expect(fieldsOf(local, 30)).toEqual({
    ...(isZip64 && { 1: [each.size, each.size] }),
    21589: [],
  })
  expect(local.readUInt16LE(6) & 8).toBe(each.crc32 === null ? 8 : 0)
  if (each.crc32 !== null) expect(dataDescriptorBytes(each)).toBe(0)
  else {
    const descriptor = dataDescriptor(each, 7)
    expect(descriptor).toHaveLength(dataDescriptorBytes(each))
    expect(descriptor).toHaveLength(isZip64 ? 24 : 16)
    expect(descriptor.readUInt32LE(4)).toBe(7)
  }
})

test.each<[number, number, number[] | null]>([
  [5, ONES - 1, null],
  [5, ONES, [ONES]],
  [5, LARGE, [LARGE]],
  [ONES, ONES - 1, [ONES, ONES]],
  [LARGE, LARGE, [LARGE, LARGE, LARGE]],
])(
  'an entry of %i bytes at %i has these large numbers in the directory: %j',
  (size, offset, large) => {
    const each = makeEntry({ size })

    const central = centralHeader(each, { offset, crc32: 7 })

    expect(central).toHaveLength(centralHeaderBytes(each, offset))
    expect(central.readUInt32LE(42)).toBe(Math.min(offset, ONES))
    expect(fieldsOf(central, 46)[1]).toEqual(large ?? undefined)
  },
)

test.each([
  [1, 0, 100, false],
  [65_534, 100, 100, false],
  [65_535, 100, 100, true],
  [1, ONES - 1, ONES - 1, false],
  [1, ONES, 100, true],
  [1, 100, ONES, true],
])(
  'the end of %i entries, whose directory is at %i with %i bytes, has ZIP64 records: %j',
  (entries, offset, bytes, isZip64) => {
    const end = endOfArchive({ entries, offset, bytes })

    expect(end).toHaveLength(isZip64 ? 98 : 22)
    expect(end.readUInt32LE(end.length - 22)).toBe(0x0605_4b50)
    expect(end.readUInt16LE(end.length - 12)).toBe(Math.min(entries, 0xffff))
    if (!isZip64) return
    expect(end.readBigUInt64LE(32)).toBe(BigInt(entries))
    expect(end.readBigUInt64LE(40)).toBe(BigInt(bytes))
    expect(end.readBigUInt64LE(48)).toBe(BigInt(offset))
    expect(end.readBigUInt64LE(64)).toBe(BigInt(offset + bytes))
  },
)

test.each([
  ['1970-01-01T00:00:00Z', '1980-01-01 00:00:00', true],
  ['2026-11-29T11:22:33Z', '2026-11-29 11:22:32', true],
  ['2038-01-19T03:14:08Z', '2038-01-19 03:14:08', false],
  ['2200-01-01T00:00:00Z', '2107-12-31 23:59:58', false],
])('the time %s is %s to MS-DOS, and stands in seconds: %j', (time, dos, hasSeconds) => {
  const local = localHeader(makeEntry({ modifiedAt: Date.parse(time) }))

  expect(dosTimeOf(local)).toBe(dos)
  expect(local.length - 30 - 1).toBe(hasSeconds ? 9 : 0)
  if (hasSeconds) expect(local.readInt32LE(36)).toBe(Date.parse(time) / 1000)
})

test('a folder is one to Unix and to MS-DOS', () => {
  const central = centralHeader(makeEntry({ path: 'a/', size: 0 }), { offset: 0, crc32: 0 })

  expect(central.readUInt32LE(38)).toBe(((0o040755 << 16) | 0x10) >>> 0)
})

test('the layout of 12 GB: ranges far behind know their place', () => {
  const each = 3_000_000_000
  const files = Array.from({ length: 4 }, (_, n) => makeEntry({ path: String(n), size: each }))
  const layout = layOutArchive(files)
  const third = layout.locals[2] ?? 0

  const pieces = [...piecesOf(layout, { start: third + 39, end: third + 139 }, never)]

  expect(third).toBe(2 * (each + 40))
  expect(pieces).toEqual([
    { kind: 'bytes', bytes: localHeader(files[2] ?? makeEntry({})).subarray(39) },
    { kind: 'file', index: 2, range: { start: 0, end: 99 } },
  ])
})

function makeEntry(facts: Partial<ZipEntry>): ZipEntry {
  return { path: 'x', size: 5, modifiedAt: 1_700_000_000_000, crc32: 1, ...facts }
}

function never(): number {
  throw new Error('no CRC-32 is needed')
}

function bytesOf(files: readonly { entry: ZipEntry; bytes: Buffer }[], range: ByteRange): Buffer {
  const layout = layOutArchive(files.map(({ entry: each }) => each))
  const bytes = (index: number): Buffer => files[index]?.bytes ?? Buffer.alloc(0)
  const pieces = [...piecesOf(layout, range, (index) => crc32(bytes(index)))]
  return Buffer.concat(
    pieces.map((piece) => {
      if (piece.kind === 'bytes') return piece.bytes
      return bytes(piece.index).subarray(piece.range.start, piece.range.end + 1)
    }),
  )
}

/** The extra fields behind a name of one byte, by their ids: the large numbers of those that have any. */
function fieldsOf(header: Buffer, nameAt: number): Record<number, number[]> {
  const fields: Record<number, number[]> = {}
  for (let at = nameAt + 1; at < header.length; at += 4 + header.readUInt16LE(at + 2)) {
    const count = Math.floor(header.readUInt16LE(at + 2) / 8)
    fields[header.readUInt16LE(at)] = Array.from({ length: count }, (_, n) =>
      Number(header.readBigUInt64LE(at + 4 + 8 * n)),
    )
  }
  return fields
}

function dosTimeOf(local: Buffer): string {
  const time = local.readUInt16LE(10)
  const date = local.readUInt16LE(12)
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${(date >> 9) + 1980}-${two((date >> 5) & 15)}-${two(date & 31)}`
  return `${day} ${two(time >> 11)}:${two((time >> 5) & 63)}:${two((time & 31) * 2)}`
}
