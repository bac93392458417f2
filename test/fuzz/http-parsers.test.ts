import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseRange } from '../../src/core/model/byte-range.ts'
import { decodeTicket, encodeTicket, type Ticket } from '../../src/core/model/ticket-format.ts'
import { fileName, parseWire } from '../../src/http/bodies/validation.ts'
import { answerDownload } from '../../src/http/downloads/download-answer.ts'
import { planDownload } from '../../src/http/downloads/download-plan.ts'
import { rangeHeader, text } from './arbitraries/values.ts'

/** What takes hostile input, alone: it fails with its own errors only, and what goes in comes out. */

fc.configureGlobal({ seed: Number(process.env.FUZZ_SEED ?? 20_261_122), numRuns: 500 })

const anything = fc.oneof(text, fc.string({ unit: 'binary', maxLength: 500 }))

describe('ranges', () => {
  const size = fc.nat({ max: 60 })

  test('a range covers the bytes that its words name, and no others', () => {
    const end = fc.option(fc.nat({ max: 70 }))
    const specs = fc.array(fc.tuple(end, end), { minLength: 1, maxLength: 4 })
    fc.assert(
      fc.property(specs, size, (all, bytes) => {
        const header = `bytes=${all.map(([from, to]) => `${from ?? ''}-${to ?? ''}`).join(',')}`
        const parsed = parseRange(header, bytes)
        if (all.some(isMalformed)) {
          expect(parsed).toEqual({ kind: 'full' })
          return
        }
        const wanted = new Set(all.flatMap((spec) => bytesOf(spec, bytes)))
        if (wanted.size === 0) {
          expect(parsed).toEqual({ kind: 'unsatisfiable' })
          return
        }
        if (parsed.kind !== 'partial') {
          // Overlaps are only refused where there are several.
          expect(all.length).toBeGreaterThan(2)
          return
        }
        const got = parsed.ranges.flatMap(({ start, end }) => span(start, end))
        expect(new Set(got)).toEqual(wanted)
        expect(got).toHaveLength(wanted.size)
      }),
    )
  })

  test('any Range header gives ranges that lie in the file', () => {
    fc.assert(
      fc.property(fc.oneof(rangeHeader, anything), fc.nat(), (header, bytes) => {
        const parsed = parseRange(header, bytes)
        if (parsed.kind !== 'partial') return
        for (const { start, end } of parsed.ranges) {
          expect(Number.isSafeInteger(start) && Number.isSafeInteger(end)).toBe(true)
          expect(start >= 0 && start <= end && end < bytes).toBe(true)
        }
      }),
    )
  })
})

type Spec = [from: number | null, to: number | null]

function isMalformed([from, to]: Spec): boolean {
  return (from === null && to === null) || (from !== null && to !== null && to < from)
}

function bytesOf([from, to]: Spec, size: number): number[] {
  if (from === null) return span(Math.max(0, size - (to ?? 0)), size - 1)
  return span(from, Math.min(to ?? size, size - 1))
}

function span(start: number, end: number): number[] {
  return Array.from({ length: Math.max(0, end - start + 1) }, (_, n) => start + n)
}

test('any conditions give a planned answer whose headers hold no line end', () => {
  const names = [
    'range',
    'if-range',
    'if-match',
    'if-none-match',
    'if-modified-since',
    'if-unmodified-since',
  ]
  const headers = fc.dictionary(
    fc.constantFrom(...names),
    fc.oneof(rangeHeader, fc.constant('"7"'), anything),
  )
  const name = fc.oneof(
    fc.constant(null),
    anything.filter((each) => each !== ''),
  )
  const question = fc.record({
    method: fc.constantFrom('GET' as const, 'HEAD' as const),
    headers,
    size: fc.nat({ max: 5000 }),
    etag: fc.constant('"7"'),
    modifiedAt: fc.option(fc.nat()),
    hasRanges: fc.boolean(),
  })
  fc.assert(
    fc.property(question, name, name, anything, (asked, stored, wanted, mimeType) => {
      const presented = wanted === null ? null : parseWire(fileName.catch('f'), wanted)

      const answer = answerDownload(planDownload(asked), {
        ...asked,
        fileName: presented ?? stored ?? 'file-7',
        mimeType,
        disposition: 'inline',
        sha256: null,
      })

      for (const value of Object.values(answer.headers)) {
        expect(String(value)).toMatch(/^[\t\x20-\x7e\x80-\xff]*$/)
      }
      expect([200, 206, 304, 412, 416]).toContain(answer.status)
    }),
  )
})

describe('tickets', () => {
  const keys = { sign: Buffer.alloc(32, 1), name: Buffer.alloc(32, 2) }
  const hex = (bytes: number) =>
    fc
      .uint8Array({ minLength: bytes, maxLength: bytes })
      .map((all) => Buffer.from(all).toString('hex'))
  const message = fc.record({
    kind: fc.constant('message' as const),
    messageId: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
    tokenId: hex(12),
  })
  const upload = fc.record({
    kind: fc.constant('upload' as const),
    uploadId: fc.stringMatching(/^[\w-]{1,128}$/),
  })
  const ticket: fc.Arbitrary<Ticket> = fc.record({
    holder: hex(16),
    expiresAt: fc.nat().map((seconds) => seconds * 1000),
    epoch: fc.nat(),
    subject: fc.oneof(message, upload),
  })

  test('a ticket is read as it was written', () => {
    fc.assert(
      fc.property(ticket, (each) => {
        expect(decodeTicket(encodeTicket(each, keys), keys)).toEqual(each)
      }),
    )
  })

  test('a ticket with a changed character, and any other text, is refused', () => {
    const changed = fc
      .tuple(ticket, fc.nat(), fc.constantFrom(...'Aa0_-.=/ é'))
      .map(([each, at, letter]) => {
        const written = encodeTicket(each, keys)
        const place = at % written.length
        return { written, other: written.slice(0, place) + letter + written.slice(place + 1) }
      })
    fc.assert(
      fc.property(changed, anything, ({ written, other }, junk) => {
        if (other !== written) expect(decodeTicket(other, keys)).toBeNull()
        expect(decodeTicket(`tkt_${junk}`, keys)).toBeNull()
      }),
    )
  })
})
