import fc, { type Arbitrary } from 'fast-check'
import type { Header, RawRequest } from '../requests.ts'
import { NASTY, text } from './values.ts'

/** Ways to spoil a request: its first line, its headers, or any of its bytes. */

/** Headers that change what the body is, or name another sender. */
const HEADERS =
  'Content-Length Transfer-Encoding Content-Type Content-Encoding Expect Connection Upgrade Host ' +
  'Authorization Range Origin X-Forwarded-For Tus-Resumable Upload-Offset Upload-Length'

export const spoilHeaders = (request: RawRequest): Arbitrary<RawRequest> =>
  fc
    .tuple(fc.constantFrom(...HEADERS.split(' ')), text, fc.nat({ max: 3 }))
    .map(([name, value, at]) => {
      const header: Header = [name, value.replace(/[^\t\x20-\xff]/g, '')]
      return { ...request, headers: request.headers.toSpliced(at, 0, header) }
    })

export const spoilFirstLine = (request: RawRequest): Arbitrary<RawRequest> =>
  fc.oneof(
    text.map((version) => ({ ...request, version })),
    text.map((method) => ({ ...request, method })),
    text.map((end) => ({ ...request, target: request.target + end })),
    fc.constant({ ...request, version: 'HTTP/1.0' }),
    fc.constant({ ...request, headers: request.headers.toReversed() }),
  )

/** Cuts, drops, doubles, puts in or turns bytes anywhere. */
export const spoilBytes = (whole: Buffer): Arbitrary<Buffer> =>
  fc
    .record({
      how: fc.constantFrom('cut', 'drop', 'double', 'insert', 'turn'),
      at: fc.nat({ max: whole.length }),
      length: fc.nat({ max: 30 }),
      inserted: fc.constantFrom(...NASTY),
      byte: fc.nat({ max: 255 }),
    })
    .map((spoiling) => spoil(whole, spoiling))

interface Spoiling {
  how: 'cut' | 'drop' | 'double' | 'insert' | 'turn'
  at: number
  length: number
  inserted: string
  byte: number
}

function spoil(whole: Buffer, { how, at, length, inserted, byte }: Spoiling): Buffer {
  const before = whole.subarray(0, at)
  if (how === 'cut') return before
  if (how === 'drop') return Buffer.concat([before, whole.subarray(at + length)])
  if (how === 'double') return Buffer.concat([whole.subarray(0, at + length), whole.subarray(at)])
  const inside = how === 'insert' ? Buffer.from(inserted) : Buffer.from([byte])
  return Buffer.concat([before, inside, whole.subarray(how === 'insert' ? at : at + 1)])
}
