import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { API_SCHEMA } from '../../src/tl/api-schema.ts'
import { decoder, encoder, schema } from '../../src/tl/codec.ts'
import { MTPROTO_SCHEMA } from '../../src/tl/mtproto-schema.ts'
import { createReader } from '../../src/tl/reader.ts'
import { createWriter } from '../../src/tl/writer.ts'
import type { TlObject } from '../../src/types.ts'

const lines = [...`${API_SCHEMA}${MTPROTO_SCHEMA}`.matchAll(/^([\w.]+)#([0-9a-f]{8}) (.*);/gm)]

const document: TlObject = {
  _: 'document',
  id: -5n,
  access_hash: 2n ** 62n,
  file_reference: Buffer.from('reference'),
  date: 1_700_000_000,
  mime_type: 'text/plain',
  size: 2n ** 31n,
  dc_id: 2,
  attributes: [{ _: 'documentAttributeFilename', file_name: 'naïve – 名.txt' }],
}

const message: TlObject = {
  _: 'message',
  out: true,
  post: true,
  id: 7,
  peer_id: { _: 'peerChannel', channel_id: 99n },
  date: 1_700_000_000,
  message: 'hello',
  media: { _: 'messageMediaDocument', document },
}

function encode(value: TlObject, layer: number): Buffer {
  return Buffer.concat(encoder.encode(value, layer).pieces)
}

const decode = (bytes: Uint8Array): TlObject => decoder.object(createReader(bytes))

test('every number in the schema is the CRC-32 of its line', () => {
  const wrong = lines.filter(([, name, id, rest]) => checksum(`${name} ${rest}`) !== id)

  expect(lines.length).toBeGreaterThan(550)
  expect(wrong).toEqual([])
})

test.each([158, 166, 179, 185, 198, 204, 214, 223, 227, 229, 230])(
  'a message and its document come back at layer %i',
  (layer) => {
    const bytes = encode(message, layer)

    expect(bytes.readUInt32LE()).toBe(schema.byName('message', layer)?.id)
    expect(bytes.length % 4).toBe(0)
    expect(decode(bytes)).toMatchObject(message)
  },
)

test.each([
  [158, 'message', '38116ee0'],
  [198, 'message', '96fdbbe9'],
  [229, 'message', '7600b9d3'],
  [198, 'user', '4b46c37e'],
  [229, 'user', 'b1b8cc83'],
  [198, 'messages.sendMedia', '7852834e'],
])('layer %i knows %s as %s', (layer, name, id) => {
  expect(schema.byName(name, layer)?.id.toString(16).padStart(8, '0')).toBe(id)
})

test('fields that share a bit come together', () => {
  const decoded = decode(encode({ ...message, views: 12 }, 198))

  expect(decoded).toMatchObject({ views: 12, forwards: 0 })
})

test('fields that a layer does not know are left out', () => {
  const decoded = decode(encode({ ...message, effect: 5n, unheardOf: 1 }, 158))

  expect(decoded).not.toHaveProperty('effect')
  expect(decoded).not.toHaveProperty('unheardOf')
})

test('a required field that is missing is zero or empty', () => {
  const decoded = decode(encode({ _: 'users.userFull' }, 198))

  expect(decoded).toMatchObject({
    full_user: { _: 'userFull', id: 0n, settings: { _: 'peerSettings' } },
    chats: [],
    users: [],
  })
})

test.each([0, 1, 3, 253, 254, 255, 4096, 70_000])('bytes of length %i are padded', (length) => {
  const writer = createWriter()
  writer.bytes(Buffer.alloc(length, 9))
  writer.int(-1)
  const { pieces } = writer.finish()
  const reader = createReader(Buffer.concat(pieces))

  expect(reader.bytes()).toHaveLength(length)
  expect(reader.int()).toBe(-1)
  expect(reader.remaining).toBe(0)
})

test('large bytes are carried, not copied', () => {
  const bytes = Buffer.alloc(1024 * 1024)

  const { pieces } = encoder.encode({ _: 'upload.file', bytes }, 198)

  expect(pieces.some((piece) => piece === bytes)).toBe(true)
})

test('bytes are read as a view', () => {
  const bytes = encode({ _: 'upload.file', bytes: Buffer.alloc(5000, 1) }, 198)

  const { bytes: view } = decode(bytes)

  expect(view instanceof Uint8Array && view.buffer).toBe(bytes.buffer)
})

test('wrappers are peeled off from the outside in', () => {
  const query = encode({ _: 'help.getConfig' }, 198)
  const wrapped = encode(
    {
      _: 'invokeWithLayer',
      layer: 204,
      query: { _: 'invokeWithoutUpdates', query: { _: 'ping' } },
    },
    198,
  )
  const wrappers: string[] = []

  const method = decoder.call(createReader(wrapped), ({ _ }) => wrappers.push(_))

  expect(method._).toBe('ping')
  expect(wrappers).toEqual(['invokeWithLayer', 'invokeWithoutUpdates'])
  expect(decoder.call(createReader(query), () => {})).toEqual({ _: 'help.getConfig' })
})

/** CRC-32 of the normal form, which is the number (https://core.telegram.org/mtproto/TL-formal). */
function checksum(line: string): string {
  const normal = line
    .replaceAll(/ \w+:\w+\.\d+\?true\b/g, '')
    .replaceAll(/([:?])bytes\b/g, '$1string')
    .replaceAll('<', ' ')
    .replaceAll('>', '')
    .replace(/^(\S+)(?=.*!X)/, '$1 X:Type')
  return crc32(normal).toString(16).padStart(8, '0')
}
