import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { ArchiveList, KeptArchive } from '../../../../src/core/ports/archives.ts'
import { type MakeLedger, NOW } from './fixtures.ts'

const LIST: ArchiveList = {
  fileName: 'Ferien.zip',
  entries: [
    {
      ...{ path: 'Übung/a.bin', size: 2 ** 50, modifiedAt: -5, crc32: 0xffff_ffff },
      ...{ messageId: 7, documentId: '-9223372036854775808' },
    },
    { path: 'b', size: 0, modifiedAt: NOW, crc32: null, messageId: 8, documentId: null },
    { path: 'c/', size: 0, modifiedAt: NOW, crc32: 0, messageId: null, documentId: null },
  ],
}

/** What archives need. */
export function keepsArchives(make: MakeLedger): void {
  test('the list of an archive is remembered field by field, until it ends', async () => {
    const { ledger } = await make()
    const kept = makeArchive({ id: 'aa', list: LIST, expiresAt: NOW + 10 })
    await ledger.keepArchive(kept)

    expect(await ledger.findArchive('aa', NOW + 9)).toEqual(LIST)
    expect(await ledger.findArchive('bb', NOW)).toBeNull()
    expect(await ledger.findArchive('aa', NOW + 10)).toBeNull()
    await ledger.keepArchive({ ...kept, expiresAt: NOW + 5 })
    await ledger.deleteExpiredArchives(NOW + 9)
    expect(await ledger.findArchive('aa', NOW + 9)).toEqual(LIST)
    await ledger.deleteExpiredArchives(NOW + 10)
    expect(await ledger.findArchive('aa', NOW)).toBeNull()
  })

  test('a list that is kept again takes the place of the one before', async () => {
    const { ledger } = await make()
    await ledger.keepArchive(makeArchive({ id: 'aa', list: LIST }))

    const list = { ...LIST, entries: LIST.entries.slice(1) }
    await ledger.keepArchive(makeArchive({ id: 'aa', list }))

    expect(await ledger.findArchive('aa', NOW)).toEqual(list)
  })

  test('an owner with very many lists loses the oldest, and no other owner does', async () => {
    const { ledger } = await make()
    const path = randomBytes(4_000_000).toString('base64')
    const list = { fileName: 'x.zip', entries: LIST.entries.map((each) => ({ ...each, path })) }
    await ledger.keepArchive(makeArchive({ id: 'b0', owner: 'bob' }))

    for (const id of ['a0', 'a1', 'a2', 'a3']) await ledger.keepArchive(makeArchive({ id, list }))

    const left: string[] = []
    for (const id of ['a0', 'a1', 'a2', 'a3', 'b0']) {
      if (await ledger.findArchive(id, NOW)) left.push(id)
    }
    expect(left).toEqual(['a3', 'b0'])
  })

  test('the digests of a document that was read whole are known, and stay', async () => {
    const { ledger } = await make()
    const digests = { sha256: 'ab'.repeat(32), crc32: '0000abcd' }

    await ledger.keepReceipt('-5', 10, digests)
    await ledger.keepReceipt('-5', 10, { ...digests, crc32: 'ffffffff' })

    expect(await ledger.receiptOf('-5', 10)).toEqual(digests)
    expect(await ledger.receiptOf('-5', 11)).toBeNull()
  })
}

function makeArchive(change: Partial<KeptArchive>): KeptArchive {
  return { id: 'aa', owner: 'ann', list: LIST, expiresAt: NOW + 10, ...change }
}
