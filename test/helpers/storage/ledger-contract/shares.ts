import { describe, expect, test } from 'vitest'
import type { Share, ShareDownload, ShareLogin } from '../../../../src/core/ports/shares.ts'
import { type MakeLedger, NOW } from './fixtures.ts'
import { makeFile, makeFolder } from './library.ts'

const HOUR = 3_600_000
const LIMITS = { maxOpen: 3, keepEnded: 2 }
const LOGIN: ShareLogin = { token: 'login', endsAt: null }

export function makeShare(id: string, change: Partial<Share> = {}): Share {
  return {
    id: id.padStart(16, '0'),
    holder: 'ann',
    channelId: '-1001',
    content: { kind: 'files', messageIds: [1, 2] },
    title: null,
    password: null,
    maxDownloads: null,
    createdAt: NOW,
    expiresAt: NOW + 24 * HOUR,
    ...change,
  }
}

function download(id: string, change: Partial<ShareDownload> = {}): ShareDownload {
  const rest = { content: '1', visitMs: 24 * HOUR, now: NOW, ...change }
  return { id: id.padStart(16, '0'), visit: 'v1', ...rest }
}

/** What shares need. */
export function keepsShares(make: MakeLedger): void {
  async function open(share: Share, login = LOGIN) {
    const { ledger, other } = await make()
    expect(await ledger.openShare(share, login, LIMITS)).toBe(true)
    return { ledger, other }
  }

  test('a share is read as it was written, with what its owner has changed', async () => {
    const password = { salt: '00ff', hash: 'ff00' }
    const folder = { kind: 'folder', folderId: null } as const
    const share = makeShare('a', { content: folder, password, title: 'T', maxDownloads: 2 })
    const { ledger } = await open(share, { token: 't', endsAt: NOW + HOUR })
    const facts = { downloads: 0, lastUsedAt: null, endedAt: null, login: { endsAt: NOW + HOUR } }

    expect(await ledger.findShare(share.id)).toEqual({ ...share, ...facts })
    const change = { title: null, password: null, maxDownloads: 5, expiresAt: NOW + 1 }
    const changed = { ...share, ...facts, ...change }
    expect(await ledger.changeShare(share.id, 'ann', change)).toEqual(changed)
    expect(await ledger.changeShare(share.id, 'bob', { title: 'Bob' })).toBeNull()
    expect(await ledger.changeShare(share.id, 'ann', {})).toEqual(changed)
    expect(await ledger.findShare('f'.repeat(16))).toBeNull()
  })

  test('an owner has so many shares that have not ended, and keeps the newest ended ones', async () => {
    const { ledger } = await open(makeShare('1', { createdAt: NOW - 5 }))
    const late = NOW + 48 * HOUR
    for (const id of ['2', '3']) await ledger.openShare(makeShare(id), LOGIN, LIMITS)
    expect(await ledger.openShare(makeShare('4'), LOGIN, LIMITS)).toBe(false)
    expect(await ledger.openShare(makeShare('5', { holder: 'bob' }), LOGIN, LIMITS)).toBe(true)
    for (const [id, at] of [
      ['1', NOW + 1],
      ['2', NOW + 2],
    ] as const) {
      expect(await ledger.endShare(id.padStart(16, '0'), 'ann', at)).toBe(true)
    }

    const next = makeShare('6', { createdAt: late, expiresAt: late + HOUR })
    expect(await ledger.openShare(next, LOGIN, LIMITS)).toBe(true)

    // The third has expired meanwhile, and the first has ended before all others.
    const shares = await ledger.sharesOf('ann', late)
    expect(shares.map(({ id }) => id.at(-1))).toEqual(['6', '2', '3'])
    expect(await ledger.openShares(late)).toBe(1)
  })

  test('an ended share stays ended, keeps no password, and counts nothing', async () => {
    const password = { salt: '00', hash: '11' }
    const share = makeShare('a', { password })
    const { ledger } = await open(share)

    expect(await ledger.endShare(share.id, 'bob', NOW)).toBe(false)
    expect(await ledger.endShare(share.id, 'ann', NOW + 1)).toBe(true)
    expect(await ledger.endShare(share.id, 'ann', NOW + 9)).toBe(true)

    expect(await ledger.findShare(share.id)).toMatchObject({ endedAt: NOW + 1, password: null })
    expect(await ledger.changeShare(share.id, 'ann', { expiresAt: NOW + HOUR })).toBeNull()
    expect(await ledger.countDownload(download('a'))).toBe('ended')
  })

  test('revoking all tickets ends all shares of their holder, and forgets the login', async () => {
    const { ledger } = await open(makeShare('a'))
    await ledger.openShare(makeShare('b', { holder: 'bob' }), LOGIN, LIMITS)

    await ledger.endTicketEpoch('ann', NOW + 1)

    expect(await ledger.findShare(makeShare('a').id)).toMatchObject({
      endedAt: NOW + 1,
      login: null,
    })
    expect(await ledger.shareToken('ann')).toBeNull()
    expect(await ledger.findShare(makeShare('b').id)).toMatchObject({ endedAt: null })
    expect(await ledger.shareToken('bob')).toBe('login')
  })

  describe('counting', () => {
    const SECOND = download('a', { visit: 'v2' })

    test.each<[string, Partial<ShareDownload>[], string[]]>([
      ['a visit counts a file once', [{}, {}], ['counted', 'repeated']],
      ['and each of its files', [{}, { content: '2' }], ['counted', 'counted']],
      [
        'a visit is over after its time',
        [{}, { now: NOW + 24 * HOUR - 1 }],
        ['counted', 'counted'],
      ],
      ['other visits count', [{}, { visit: 'v2' }], ['counted', 'counted']],
      ['without a visit each counts', [{ visit: null }, { visit: null }], ['counted', 'counted']],
      [
        'what is used up goes on for a visit that has counted the file',
        [{}, { visit: null }, { content: '2' }, { visit: 'v2' }, {}],
        ['counted', 'counted', 'used-up', 'used-up', 'repeated'],
      ],
      ['an expired share counts nothing', [{ now: NOW + 24 * HOUR }], ['ended']],
    ])('%s', async (name, downloads, outcomes) => {
      const visitMs = name.includes('its time') ? HOUR : 24 * HOUR
      const { ledger } = await open(makeShare('a', { maxDownloads: 2 }))

      const counted: string[] = []
      for (const each of downloads) {
        counted.push(await ledger.countDownload(download('a', { visitMs, ...each })))
      }

      expect(counted).toEqual(outcomes)
      const { length } = outcomes.filter((outcome) => outcome === 'counted')
      expect(await ledger.findShare(makeShare('a').id)).toMatchObject({ downloads: length })
    })

    test('of many that want the last download at the same time one gets it', async () => {
      const { ledger, other } = await open(makeShare('a', { maxDownloads: 5 }))
      for (const visit of ['1', '2', '3', '4']) {
        await ledger.countDownload(download('a', { visit }))
      }

      const outcomes = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          (at % 2 ? ledger : other).countDownload(download('a', { visit: `late ${at}` })),
        ),
      )

      expect(outcomes.filter((outcome) => outcome === 'counted')).toHaveLength(1)
      expect(new Set(outcomes)).toEqual(new Set(['counted', 'used-up']))
    })

    test('a share ends with the login of its owner, and goes on with a newer one', async () => {
      const { ledger } = await open(makeShare('a'), { token: 'old', endsAt: NOW + HOUR })
      const count = (visit: string, now: number) =>
        ledger.countDownload(download('a', { visit, now }))

      expect(await count('1', NOW + HOUR - 1)).toBe('counted')
      expect(await count('2', NOW + HOUR)).toBe('ended')
      await ledger.keepShareLogin('ann', { token: 'older', endsAt: NOW + 1 })
      expect(await count('2', NOW + HOUR)).toBe('ended')
      await ledger.keepShareLogin('ann', { token: 'new', endsAt: NOW + 2 * HOUR })
      expect(await count('2', NOW + HOUR)).toBe('counted')
      expect(await ledger.shareToken('ann')).toBe('new')

      // A refusal of another token says nothing of this one.
      await ledger.endShareLogin('ann', 'old', NOW)
      expect(await count('3', NOW + HOUR)).toBe('counted')
      await ledger.endShareLogin('ann', 'new', NOW + HOUR)
      expect(await count('4', NOW + HOUR)).toBe('ended')
    })

    test('only a visit that has counted something is known, for its time', async () => {
      const { ledger } = await open(makeShare('a'))
      await ledger.countDownload(SECOND)
      const { id, visitMs } = SECOND
      const known = (visit: string, now: number) => ledger.hasVisited({ id, visit, visitMs, now })

      expect(await known('v2', NOW + visitMs - 1)).toBe(true)
      expect(await known('v2', NOW + visitMs)).toBe(false)
      expect(await known('v1', NOW)).toBe(false)
    })
  })

  test('a login is kept for owners of shares alone, and goes with their last share', async () => {
    const { ledger } = await open(makeShare('a'))
    await ledger.keepShareLogin('bob', LOGIN)
    expect(await ledger.shareToken('bob')).toBeNull()

    await ledger.countDownload(download('a'))
    await ledger.forgetShares({ visits: NOW, ended: NOW + 24 * HOUR - 1 })
    expect(await ledger.shareToken('ann')).toBe('login')
    expect(await ledger.countDownload(download('a', { now: NOW + 1 }))).toBe('counted')
    await ledger.forgetShares({ visits: NOW, ended: NOW + 24 * HOUR })
    expect(await ledger.findShare(makeShare('a').id)).toBeNull()
    expect(await ledger.shareToken('ann')).toBeNull()
  })

  test('a folder is found by its id wherever it is, and never as the root around it', async () => {
    const { ledger } = await make()
    const key = { owner: 'ann', channelId: '-1001' }
    const [photos, rome, lost] = ['a', 'b', 'c'].map((digit) => digit.repeat(32)) as [
      string,
      string,
      string,
    ]
    await ledger.applyToLibrary(key, {
      folders: [makeFolder(1, photos, 'Photos'), makeFolder(2, rome, 'Rome', { parentId: photos })],
      files: [makeFile(3, { folderId: rome }), makeFile(4, { folderId: lost }), makeFile(5)],
    })

    expect(await ledger.libraryFolderOfId(key, rome)).toMatchObject({
      path: ['Photos', 'Rome'],
      files: 1,
    })
    expect(await ledger.libraryFolderOfId(key, null)).toMatchObject({ path: [], files: 3 })
    expect(await ledger.libraryFolderOfId(key, lost)).toBeNull()
    expect(await ledger.libraryFolderOfId({ ...key, owner: 'bob' }, rome)).toBeNull()

    await ledger.applyToLibrary(key, {
      folders: [makeFolder(2, rome, 'Roma', { editedAt: NOW + 1 })],
    })
    expect((await ledger.libraryFolderOfId(key, rome))?.path).toEqual(['Roma'])
  })
}
