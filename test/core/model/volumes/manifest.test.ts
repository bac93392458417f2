import { expect, test } from 'vitest'
import {
  encodeManifest,
  MAX_MANIFEST_BYTES,
  MAX_VOLUMES,
  type Manifest,
  parseManifest,
} from '../../../../src/core/model/volumes/manifest.ts'

const VOLUME = { messageId: 7, documentId: '-42', size: 600, crc32: '0000abcd', fileId: null }
const MANIFEST: Manifest = {
  id: '00112233445566778899aabbccddeeff',
  name: 'Ferien 🎉 "2026".mkv',
  mimeType: 'video/x-matroska',
  size: 1000,
  sha256: 'ab'.repeat(32),
  crc32: '01234567',
  modifiedAt: -1,
  volumes: [VOLUME, { ...VOLUME, messageId: 9, documentId: null, size: 400, fileId: 'BQAC' }],
}

test('a manifest is read as it was written, and is the same bytes each time', () => {
  expect(parseManifest(encodeManifest(MANIFEST))).toEqual(MANIFEST)
  expect(encodeManifest({ ...MANIFEST })).toEqual(encodeManifest(MANIFEST))
  expect(parseManifest(encodeManifest({ ...MANIFEST, modifiedAt: null }))?.modifiedAt).toBeNull()
})

test('a manifest of as many volumes as there may be fits', () => {
  const volumes = Array.from({ length: MAX_VOLUMES }, (_, index) => ({
    messageId: 0x7f_ff_ff_ff - index,
    documentId: '-9223372036854775808',
    size: 2 ** 32,
    crc32: 'ffffffff',
    fileId: 'x'.repeat(200),
  }))
  const bytes = encodeManifest({ ...MANIFEST, size: MAX_VOLUMES * 2 ** 32, volumes })

  expect(bytes.length).toBeLessThan(MAX_MANIFEST_BYTES)
  expect(parseManifest(bytes)?.volumes).toHaveLength(MAX_VOLUMES)
})

test('fields of later versions are passed over', () => {
  const json = { ...JSON.parse(encodeManifest(MANIFEST).toString()), later: [1] }

  expect(parseManifest(Buffer.from(JSON.stringify(json)))).toEqual(MANIFEST)
})

test.each<[string, (json: Record<string, unknown>) => unknown]>([
  ['another word', (json) => ({ ...json, telestore: 'file' })],
  ['another version', (json) => ({ ...json, version: 2 })],
  ['no id', ({ id: _, ...json }) => json],
  ['an id of capitals', (json) => ({ ...json, id: 'A'.repeat(32) })],
  ['an empty name', (json) => ({ ...json, name: '' })],
  ['a name that is no text', (json) => ({ ...json, name: 5 })],
  ['a type without end', (json) => ({ ...json, mimeType: 'x'.repeat(5000) })],
  ['a size that is not the sum', (json) => ({ ...json, size: 1001 })],
  ['half a byte', (json) => ({ ...json, size: 1000.5 })],
  ['a short digest', (json) => ({ ...json, sha256: 'ab' })],
  ['no CRC-32', (json) => ({ ...json, crc32: null })],
  ['a time in words', (json) => ({ ...json, modifiedAt: 'today' })],
  ['no volumes', (json) => ({ ...json, volumes: [] })],
  ['volumes by name', (json) => ({ ...json, volumes: { 0: VOLUME } })],
  ['one volume twice', (json) => ({ ...json, volumes: [VOLUME, VOLUME], size: 1200 })],
  ['a volume without a message', (json) => ({ ...json, volumes: [{ ...VOLUME, messageId: 0 }] })],
  ['a volume without bytes', (json) => ({ ...json, volumes: [{ ...VOLUME, size: 0 }] })],
  ['a document by number', (json) => ({ ...json, volumes: [{ ...VOLUME, documentId: 42 }] })],
  ['a file id that is no text', (json) => ({ ...json, volumes: [{ ...VOLUME, fileId: 1 }] })],
  ['a list', (json) => [json]],
  ['nothing', () => null],
])('JSON with %s is no manifest', (_, change) => {
  const json = change(JSON.parse(encodeManifest(MANIFEST).toString()))

  expect(parseManifest(Buffer.from(JSON.stringify(json)))).toBeNull()
})

test.each([
  ['no bytes', Buffer.alloc(0)],
  ['half of a manifest', encodeManifest(MANIFEST).subarray(0, 100)],
  ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['more bytes than a manifest has', Buffer.alloc(MAX_MANIFEST_BYTES + 1, ' ')],
])('%s are no manifest', (_, bytes) => {
  expect(parseManifest(bytes)).toBeNull()
})
