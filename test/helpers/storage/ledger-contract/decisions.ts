import { describe, expect, test } from 'vitest'
import type { Ledger, Opening, SpoolCapacity } from '../../../../src/core/ports/ledger.ts'
import type { ChunkRecord } from '../../../../src/core/ports/records.ts'
import { failure, makeUpload } from '../../upload.ts'
import { insertUpload } from '../insert-upload.ts'
import { CHUNK, DIGEST, type MakeLedger, NOW, PAYLOAD, RESULT } from './fixtures.ts'

const { id } = makeUpload()
const SECOND: ChunkRecord = { ...CHUNK, index: 1 }
const CANCELLED = { reason: 'it was cancelled', percent: 0, now: NOW }
const KEEP = { perOwner: 10, inAll: 10 }
const PLENTY: SpoolCapacity = { limitBytes: 10_000, freeBytes: 10_000, presentBytes: 0 }
const PART = { metadata: null, concat: 'partial' }
/** Calls at the same time are made so often: which of them comes first differs. */
const ROUNDS = [...Array(8).keys()]

/**
 * What one call decides, whatever another caller does at the same time. Each test holds for every
 * order in which a ledger may take the calls.
 */
export function decidesTogether(make: MakeLedger): void {
  describe('opening', () => {
    test.each<[string, Partial<Opening>, string]>([
      ['within share and capacity', {}, 'opened'],
      ['one upload too many', { share: { maxUploads: 1, maxBytes: 9_000 } }, 'over-share'],
      ['bytes up to the share', { share: { maxUploads: 2, maxBytes: 4_000 } }, 'opened'],
      ['a byte over the share', { share: { maxUploads: 2, maxBytes: 3_999 } }, 'over-share'],
      ['bytes up to the limit', { capacity: { ...PLENTY, limitBytes: 4_000 } }, 'opened'],
      ['a byte over the limit', { capacity: { ...PLENTY, limitBytes: 3_999 } }, 'no-capacity'],
      ['bytes that the disk has', { capacity: { ...PLENTY, freeBytes: 3_000 } }, 'opened'],
      ['a byte less on the disk', { capacity: { ...PLENTY, freeBytes: 2_999 } }, 'no-capacity'],
      [
        'bytes that are there already',
        { capacity: { ...PLENTY, freeBytes: 2_000, presentBytes: 1_000 } },
        'opened',
      ],
    ])('with %s', async (_name, fields, kind) => {
      const { ledger } = await make()
      // It reserves 2,000 bytes, of which 1,000 are here.
      await insertUpload(ledger, makeUpload({ id: 'before' }), 'token')
      await ledger.acceptChunk('before', CHUNK, { chunkSize: 1000, token: null, now: NOW })

      const opened = await ledger.openUpload(opening('new', fields))

      expect(opened.kind).toBe(kind)
      expect(await ledger.findUpload('new')).toEqual(
        kind === 'opened' ? makeUpload({ id: 'new' }) : null,
      )
    })

    test('an upload that is open already needs no more room', async () => {
      const { ledger } = await make()
      await insertUpload(ledger, makeUpload({ id: 'open' }), 'token')

      for (const fields of [
        { share: { maxUploads: 1, maxBytes: 2_000 } },
        { capacity: { ...PLENTY, limitBytes: 2_000 } },
        { capacity: { ...PLENTY, freeBytes: 0 } },
      ]) {
        expect(await ledger.openUpload(opening('open', fields))).toMatchObject({ kind: 'known' })
      }
    })

    test("another user's id that is taken is said last, and only a look opens nothing", async () => {
      const { ledger } = await make()
      await insertUpload(ledger, makeUpload({ id: 'taken', owner: 'user-2' }), 'token')
      const noShare = { share: { maxUploads: 0, maxBytes: 0 } }
      const noCapacity = { capacity: { ...PLENTY, freeBytes: 0 } }

      expect(await ledger.openUpload(opening('taken', noShare))).toMatchObject({
        kind: 'over-share',
        held: { uploads: 0, bytes: 0 },
      })
      expect((await ledger.openUpload(opening('taken', noCapacity))).kind).toBe('no-capacity')
      expect(await ledger.openUpload(opening('taken'))).toMatchObject({
        kind: 'known',
        upload: { owner: 'user-2' },
      })
      expect((await ledger.openUpload(opening('new', { lookOnly: true }))).kind).toBe('opened')
      expect(await ledger.findUpload('new')).toBeNull()
    })

    test.each<[string, (other: string) => [string, Partial<Opening>], string]>([
      [
        "a user's last place",
        (to) => [to, { share: { maxUploads: 1, maxBytes: 9_000 } }],
        'over-share',
      ],
      [
        "the rest of a user's bytes",
        (to) => [to, { share: { maxUploads: 9, maxBytes: 2_000 } }],
        'over-share',
      ],
      [
        'the rest of the spool',
        (to) => [to, { capacity: { ...PLENTY, limitBytes: 2_000 } }],
        'no-capacity',
      ],
      [
        'the rest of the disk',
        (to) => [to, { capacity: { ...PLENTY, freeBytes: 2_000 } }],
        'no-capacity',
      ],
      ['one id', () => ['a', {}], 'known'],
    ])('two callers at once never both get %s', async (_name, wish, refusal) => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await make()

        const opened = await Promise.all([
          ledger.openUpload(opening(...wish('a'))),
          other.openUpload(opening(...wish('b'))),
        ])

        expect(opened.map(({ kind }) => kind).sort()).toEqual([refusal, 'opened'].sort())
        expect((await ledger.reservations()).reservedBytes).toBe(2_000)
      }
    })
  })

  describe('at the same time', () => {
    test('two chunks are both there, and one of them is the second', async () => {
      const { ledger, other } = await begin()

      const accepted = await Promise.all([
        ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW }),
        other.acceptChunk(id, SECOND, { chunkSize: 1000, token: null, now: NOW }),
      ])

      expect(accepted).toContainEqual({ kind: 'accepted', count: 2 })
      expect(await ledger.chunks(id)).toEqual([CHUNK, SECOND])
    })

    test('one chunk that comes twice is one chunk', async () => {
      const { ledger, other } = await begin()

      const accepted = await Promise.all([
        ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW }),
        other.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW }),
      ])

      expect(accepted.map(({ kind }) => kind)).toEqual(['accepted', 'accepted'])
      expect(await ledger.findChunk(id, 0)).toMatchObject({ chunk: CHUNK, count: 1 })
    })

    test('two callers with one chunk of other bytes: the first one counts', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()
        const another = { ...CHUNK, digest: DIGEST.replaceAll('a', 'b') }
        const change = { chunkSize: 1000, token: null, now: NOW }

        const accepted = await Promise.all([
          ledger.acceptChunk(id, CHUNK, change),
          other.acceptChunk(id, another, change),
        ])

        const [chunk] = await ledger.chunks(id)
        const won = chunk?.digest === DIGEST ? 0 : 1
        expect(accepted[won]).toEqual({ kind: 'accepted', count: 1 })
        expect(accepted[1 - won]).toMatchObject({ kind: 'differs', chunk })
      }
    })

    test('two callers that cut one file in other sizes: the first one counts', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()
        const accept = (caller: Ledger, chunk: ChunkRecord, chunkSize: number) =>
          caller.acceptChunk(id, chunk, { chunkSize, token: null, now: NOW })

        const accepted = await Promise.all([
          accept(ledger, CHUNK, 1000),
          accept(other, { ...SECOND, size: 900 }, 900),
        ])

        const upload = await ledger.findUpload(id)
        const won = upload?.chunkSize === 1000 ? 0 : 1
        expect(accepted[won]).toEqual({ kind: 'accepted', count: 1 })
        expect(accepted[1 - won]).toEqual({ kind: 'differs', upload, chunk: null })
        expect(await ledger.chunks(id)).toHaveLength(1)
      }
    })

    test('the last chunk and the seal: it is sealed with all chunks, or receives', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()
        await ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW })

        const [sealing, accepted] = await Promise.all([
          ledger.sealUpload(id, NOW),
          other.acceptChunk(id, SECOND, { chunkSize: 1000, token: null, now: NOW }),
        ])

        expect(accepted).toEqual({ kind: 'accepted', count: 2 })
        expect(['sealed', 'incomplete']).toContain(sealing.kind)
        if (sealing.kind === 'incomplete') expect(sealing.present).toEqual([0])
        expect((await ledger.findUpload(id))?.state).toBe(
          sealing.kind === 'sealed' ? 'sealed' : 'receiving',
        )
      }
    })

    test('two seals: one of them has sealed it', async () => {
      const { ledger, other } = await begin()
      await ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW })
      await ledger.acceptChunk(id, SECOND, { chunkSize: 1000, token: null, now: NOW })

      const sealings = await Promise.all([ledger.sealUpload(id, NOW), other.sealUpload(id, NOW)])

      expect(sealings.map(({ kind }) => kind).sort()).toEqual(['closed', 'sealed'])
    })

    test('a chunk and the cancel: no chunk of a cancelled upload stays', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()

        const [accepted, ending] = await Promise.all([
          ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW }),
          other.cancelUpload(id, CANCELLED, KEEP),
        ])

        expect(['accepted', 'closed']).toContain(accepted.kind)
        expect(ending.kind).toBe('ended')
        expect(await ledger.chunks(id)).toEqual([])
      }
    })

    test('a chunk and the expiry: the upload stays with its chunk, or goes without it', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()
        const { touchedAt } = makeUpload()

        const [accepted, expired] = await Promise.all([
          ledger.acceptChunk(id, CHUNK, { chunkSize: 1000, token: null, now: NOW }),
          other.expireUpload(id, touchedAt),
        ])

        expect(accepted.kind).toBe(expired === null ? 'accepted' : 'gone')
        expect(await ledger.chunks(id)).toHaveLength(expired === null ? 1 : 0)
        expect(await ledger.findUpload(id)).toEqual(
          expired === null ? expect.objectContaining({ touchedAt: NOW }) : null,
        )
      }
    })

    test.each<[string, (ledger: Ledger) => ReturnType<Ledger['failUpload']>]>([
      ['failure', (ledger) => ledger.failUpload(id, failure('No', NOW))],
      ['cancel', (ledger) => ledger.cancelUpload(id, CANCELLED, KEEP)],
      [
        'second completion',
        (ledger) =>
          ledger.completeUpload(id, { result: RESULT, webhook: PAYLOAD, library: null, now: NOW }),
      ],
    ])('a completion and a %s: the upload ends once', async (_name, end) => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await begin()

        const endings = await Promise.all([
          ledger.completeUpload(id, { result: RESULT, webhook: PAYLOAD, library: null, now: NOW }),
          end(other),
        ])

        const now = await ledger.findUpload(id)
        const [won, lost] = endings[0].kind === 'ended' ? endings : endings.toReversed()
        expect(won).toEqual({ kind: 'ended', upload: now })
        expect(lost).toEqual({ kind: 'closed', upload: now })
        expect(await ledger.dueWebhooks(NOW, 10)).toHaveLength(now?.state === 'completed' ? 1 : 0)
      }
    })

    test('a join and the cancel of a part: one of them finds the work of the other', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await make()
        await insertUpload(ledger, makeUpload({ id: 'part' }), 'token', PART)

        const [joining, ending] = await Promise.all([
          ledger.joinUploads(join(['part']), NOW),
          other.cancelUpload('part', CANCELLED, KEEP),
        ])

        expect([joining.kind, ending.kind]).toEqual(
          joining.kind === 'joined' ? ['joined', 'closed'] : ['part-closed', 'ended'],
        )
        expect((await ledger.findUpload('whole')) === null).toBe(joining.kind !== 'joined')
      }
    })

    test('two joins of the same parts: one upload', async () => {
      const { ledger, other } = await make()
      await insertUpload(ledger, makeUpload({ id: 'part' }), 'token', PART)

      const joinings = await Promise.all([
        ledger.joinUploads(join(['part']), NOW),
        other.joinUploads(join(['part']), NOW),
      ])

      expect(joinings.map(({ kind }) => kind).sort()).toEqual(['joined', 'known'])
      expect(await ledger.chunks('whole')).toEqual([CHUNK])
    })

    test('a ticket and a revocation: no token outlives the epoch of its ticket', async () => {
      for (const _round of ROUNDS) {
        const { ledger, other } = await make()
        const kept = { tokenId: 't', token: 'login', expiresAt: NOW + 10 }
        await ledger.issueTicket('ann', null, NOW)

        const [epoch] = await Promise.all([
          ledger.issueTicket('ann', kept, NOW),
          other.endTicketEpoch('ann', NOW),
        ])

        const isValid = (await ledger.ticketEpoch('ann')) === epoch
        expect(await ledger.ticketToken('t', NOW)).toBe(isValid ? 'login' : null)
      }
    })

    test('the first two tickets of a holder are of one epoch', async () => {
      const { ledger, other } = await make()

      const epochs = await Promise.all([
        ledger.issueTicket('ann', null, NOW),
        other.issueTicket('ann', null, NOW + 5_000),
      ])

      expect(epochs[0]).toBe(epochs[1])
    })

    test('progress that is kept in any order is the furthest', async () => {
      const { ledger, other } = await begin()

      const kept = await Promise.all(
        [7, 3, 92, 12].map((percent, at) =>
          (at % 2 === 0 ? ledger : other).savePercent(id, percent),
        ),
      )

      expect((await ledger.findUpload(id))?.lastPercent).toBe(92)
      expect(Math.max(...kept.map(Number))).toBe(92)
      expect(await other.savePercent(id, 13)).toBe(92)
      expect(await ledger.savePercent('none', 13)).toBeNull()
    })
  })

  test('what one caller has written another one sees', async () => {
    const { ledger, other } = await begin()

    for (let index = 0; index < 20; index++) {
      const [writer, reader] = index % 2 === 0 ? [ledger, other] : [other, ledger]
      await writer.acceptChunk(
        id,
        { ...CHUNK, index },
        { chunkSize: null, token: null, now: NOW + index },
      )
      expect(await reader.findUpload(id)).toMatchObject({ touchedAt: NOW + index })
      expect(await reader.findChunk(id, index)).toMatchObject({ count: index + 1 })
    }
  })

  test('a call that fails in the middle changes nothing, and rejects', async () => {
    const { ledger } = await begin()
    const before = await ledger.findUpload(id)
    const broken = new Error('a payload that cannot be written')
    const payload = {
      ...PAYLOAD,
      toJSON: () => {
        throw broken
      },
    }
    const twice = { ...join([id]), chunks: [CHUNK, CHUNK] }

    await expect(
      ledger.completeUpload(id, { result: RESULT, webhook: payload, library: null, now: NOW }),
    ).rejects.toBe(broken)
    await expect(ledger.joinUploads(twice, NOW)).rejects.toThrow()

    expect(await ledger.findUpload(id)).toEqual(before)
    expect(await ledger.uploadToken(id)).toBe('token')
    expect(await ledger.findUpload('whole')).toBeNull()
    expect(await ledger.dueWebhooks(NOW, 10)).toEqual([])
  })

  test('no call throws: what cannot be done rejects', async () => {
    const { ledger } = await make()
    const { deriveKey: _waitsForNothing, close, ...calls } = ledger
    await close()

    for (const [name, call] of Object.entries(calls)) {
      if (typeof call !== 'function') continue
      const answer: unknown = Reflect.apply(call, undefined, ['id', NOW])
      expect(answer, name).toBeInstanceOf(Promise)
      await expect(answer, name).rejects.toThrow()
    }
  })

  async function begin() {
    const made = await make()
    await insertUpload(made.ledger, makeUpload(), 'token')
    return made
  }
}

/** Opens an upload of 2,000 bytes. */
function opening(uploadId: string, fields: Partial<Opening> = {}): Opening {
  return {
    upload: makeUpload({ id: uploadId }),
    token: 'token',
    stream: null,
    share: { maxUploads: 9, maxBytes: 9_000 },
    capacity: PLENTY,
    ...fields,
  }
}

function join(partIds: string[]) {
  return {
    upload: makeUpload({ id: 'whole', state: 'sealed', sealedAt: NOW }),
    stream: { uploadId: 'whole', metadata: null, concat: 'final;/files/part' },
    chunks: [{ index: 0, size: 1000, digest: DIGEST }],
    partIds,
    token: 'token',
  }
}
