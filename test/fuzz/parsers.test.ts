import fc from 'fast-check'
import { toGramjsSession, toTelethonSession } from 'telegram-emulator'
import { describe, expect, test } from 'vitest'
import { parseCredentials, parseGrant } from '../../src/backend/answers.ts'
import { readTokenHints } from '../../src/backend/token.ts'
import {
  CAPTION_UNITS,
  decodeCaption,
  encodeCaption,
  type PostDescription,
} from '../../src/core/model/caption.ts'
import { documentFileId } from '../../src/core/model/file-id.ts'
import { AppError } from '../../src/errors.ts'
import {
  fromChunkName,
  fromFolderName,
  toFolderName,
} from '../../src/storage/spool/upload-folder.ts'
import { toChatId } from '../../src/telegram/bot-api/chat-id.ts'
import { bareChannelId } from '../../src/telegram/channel-id.ts'
import { parseSession } from '../../src/telegram/mtproto/connection/session.ts'
import { text } from './arbitraries/values.ts'

/** What takes hostile input, alone: it fails with its own errors only, and what goes in comes out. */

fc.configureGlobal({ seed: Number(process.env.FUZZ_SEED ?? 20_261_122), numRuns: 500 })

const anything = fc.oneof(text, fc.string({ unit: 'binary', maxLength: 500 }))

/** Runs it; an AppError is an answer, anything else is a bug. */
function outcomeOf<T>(work: () => T): T | AppError {
  try {
    return work()
  } catch (error) {
    if (error instanceof AppError) return error
    throw error
  }
}

describe('sessions', () => {
  const address = fc.record({
    dcId: fc.integer({ min: 1, max: 255 }),
    host: fc.ipV4(),
    port: fc.integer({ min: 1, max: 32_767 }),
    key: fc.uint8Array({ minLength: 256, maxLength: 256 }),
  })

  test('both kinds of string session are read as they were written', () => {
    fc.assert(
      fc.property(address, (each) => {
        const { dcId, host, port, key } = each
        const session = { dcId, address: { host, port }, authKey: Buffer.from(key) }
        expect(parseSession(toTelethonSession(each))).toEqual(session)
        expect(parseSession(toGramjsSession(each))).toEqual(session)
      }),
    )
  })

  test('any other session is refused with the error that says so', () => {
    const almost = fc
      .uint8Array({ maxLength: 400 })
      .map((bytes) => `1${Buffer.from(bytes).toString('base64')}`)
    fc.assert(
      fc.property(
        fc.oneof(
          anything,
          almost,
          anything.map((each) => `1${each}`),
        ),
        (each) => {
          const outcome = outcomeOf(() => parseSession(each))
          if (outcome instanceof AppError) expect(outcome.code).toBe('TELEGRAM_SESSION_INVALID')
          else expect(outcome.authKey).toHaveLength(256)
        },
      ),
    )
  })
})

test('channel ids are read alike by both roads, or refused', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 997_852_516_352n }), anything, (bare, junk) => {
      expect(bareChannelId(String(-(10n ** 12n) - bare))).toBe(String(bare))
      expect(toChatId(String(bare))).toBe(String(-(10n ** 12n) - bare))
      for (const read of [bareChannelId, toChatId]) {
        const outcome = outcomeOf(() => read(junk))
        if (outcome instanceof AppError) expect(outcome.code).toBe('TELEGRAM_CHANNEL_NOT_FOUND')
        else expect(outcome).toMatch(/^(-?\d+|@\w+)$/)
      }
    }),
  )
})

test('any answer of the backend is read as credentials, a refusal, or null', () => {
  const fields = [
    'user_id',
    'channel_id',
    'bot_token',
    'telegram_session',
    'telegram_api_id',
    'telegram_api_hash',
    'valid',
    'message_id',
    '__proto__',
  ]
  const value = fc.oneof(
    anything,
    fc.integer(),
    fc.double(),
    fc.constantFrom(null, true, 'ann', '-1001', '12345'),
  )
  const body = fc.oneof(fc.dictionary(fc.constantFrom(...fields), value), fc.jsonValue())
  fc.assert(
    fc.property(body, (each) => {
      for (const parse of [parseCredentials, parseGrant]) {
        const outcome = outcomeOf(() => parse(each))
        if (outcome instanceof AppError) expect(outcome.code).toBe('TELEGRAM_NOT_CONFIGURED')
      }
    }),
  )
})

test('any token gives hints and never throws', () => {
  const jwt = fc
    .jsonValue()
    .map((claims) => `a.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.b`)
  fc.assert(
    fc.property(fc.oneof(anything, jwt), (token) => {
      expect(readTokenHints(token)).toEqual({
        expiresAt: expect.toSatisfy(isTime),
        looksLikeLogin: expect.any(Boolean),
      })
    }),
  )
})

function isTime(value: unknown): boolean {
  return value === null || typeof value === 'number'
}

test('an id becomes the name of one folder, from which it is read again, or is refused', () => {
  fc.assert(
    fc.property(anything, (id) => {
      const name = outcomeOf(() => toFolderName(id))
      if (name instanceof AppError) {
        expect(name.code).toBe('INVALID_REQUEST')
        return
      }
      expect(name).toMatch(/^~?[\w-]+$/)
      expect(Buffer.byteLength(name)).toBeLessThanOrEqual(255)
      expect(fromFolderName(name)).toBe(id.toWellFormed())
    }),
  )
  fc.assert(
    fc.property(anything, (name) => {
      const index = fromChunkName(name)
      if (index !== null) expect(`${index}.chunk`).toBe(name)
    }),
  )
})

test('any document has a file_id', () => {
  const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)
  const document = fc.record({
    id: long,
    accessHash: long,
    dcId: fc.integer({ min: 1, max: 5 }),
    fileReference: fc.base64String(),
  })
  fc.assert(
    fc.property(document, (each) => {
      expect(documentFileId(each)).toMatch(/^[\w-]{20,512}$/)
    }),
  )
})

describe('captions', () => {
  const hex = (digits: number): fc.Arbitrary<string> =>
    fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))
  const volume = fc
    .tuple(fc.integer({ min: 1, max: 16_384 }), fc.nat({ max: 16_384 }))
    .map(([volume, more]) => ({ volume, of: volume + more }))
  const names = (maxLength: number): fc.Arbitrary<string> =>
    fc.oneof(
      fc.string({ unit: 'binary', minLength: 1, maxLength }),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength }),
      // Half characters among them.
      fc.array(fc.nat({ max: 0xffff }), { minLength: 1, maxLength }).map(fromUnits),
    )
  const description = fc.record<PostDescription>({
    id: hex(32),
    kind: fc.oneof(fc.constantFrom<PostDescription['kind']>('file', 'manifest'), volume),
    folderId: fc.option(hex(32)),
    name: fc.option(names(60)),
    modifiedAt: fc.option(fc.integer({ min: 0, max: 253_402_300_799_999 })),
    sha256: fc.option(hex(64)),
    crc32: fc.option(hex(8)),
  })

  test('what was written is read, whatever a person writes around it', () => {
    fc.assert(
      fc.property(description, text, text, (described, before, behind) => {
        fc.pre(!before.includes('#telestore'))
        const caption = encodeCaption(described)
        expect(caption).toMatch(/^[\x21-\x7e]+( [\x21-\x7e]+)*$/)
        const name = described.name?.toWellFormed() ?? 'document.bin'
        const read = decodeCaption(`${before}\n${caption}\n${behind}`, 'document.bin')
        expect(read).toEqual({ ...described, name })
      }),
    )
  })

  test('a long name keeps its beginning and its end, and is known again by its document', () => {
    fc.assert(
      fc.property(description, names(3_500), (described, given) => {
        const name = given.toWellFormed()
        const caption = encodeCaption({ ...described, name: given })
        expect(caption.length).toBeLessThanOrEqual(CAPTION_UNITS)
        expect(decodeCaption(caption, name)).toEqual({ ...described, name })
        const alone = decodeCaption(caption, null)?.name ?? ''
        if (alone === name) return
        const cut = alone.lastIndexOf('…', alone.length - 16)
        expect(name.startsWith(alone.slice(0, cut))).toBe(true)
        expect(name.endsWith(alone.slice(cut + 1))).toBe(true)
      }),
    )
  })

  test('whatever stands in a caption, a description or null comes out', () => {
    const line = fc.oneof(description.map(encodeCaption), anything)
    const spoilt = fc
      .tuple(line, fc.nat({ max: 400 }), fc.nat({ max: 40 }), anything)
      .map(([whole, at, length, put]) => whole.slice(0, at) + put + whole.slice(at + length))
    fc.assert(
      fc.property(spoilt, fc.option(text), (caption, documentName) => {
        const read = decodeCaption(caption, documentName)
        expect(read === null || /^[0-9a-f]{32}$/.test(read.id)).toBe(true)
      }),
    )
  })
})

function fromUnits(units: number[]): string {
  return String.fromCharCode(...units)
}
