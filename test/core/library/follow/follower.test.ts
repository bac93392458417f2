import { randomBytes } from 'node:crypto'
import { describe, expect, test, vi } from 'vitest'
import { createFollower, type Follower } from '../../../../src/core/library/follow/follower.ts'
import { encodeCaption } from '../../../../src/core/model/caption.ts'
import { fileOfUpload, libraryKeyOf } from '../../../../src/core/model/library/posts.ts'
import type { LibraryKey } from '../../../../src/core/ports/catalogue.ts'
import type { Credentials } from '../../../../src/core/ports/credentials.ts'
import type { LookOutcome } from '../../../../src/core/ports/metrics.ts'
import { AppError, shuttingDown } from '../../../../src/errors.ts'
import { createFakeChannel, type FakeChannel } from '../../../helpers/peers/fake-channel.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { createMemoryLedger, type MemoryLedger } from '../../../helpers/storage/memory-ledger.ts'
import { makeUpload } from '../../../helpers/upload.ts'

const credentials: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 'x',
  apiId: 1,
  apiHash: null,
}
const KEY = libraryKeyOf(credentials)
const MINUTE = 60_000
/** By every clock of these tests later than the last look. */
const START = 1_764_390_415_000

describe.each(['user', 'bot'] as const)('as a %s', (actor) => {
  test('an empty ledger comes to hold what the channel holds', async () => {
    const { channel, look, shown, sync } = start({ actor })
    for (let n = 0; n < 250; n++) addFile(channel, `file ${n}`)
    addFolder(channel, 'Photos')
    channel.add('hello')

    await look()

    expect(await shown()).toEqual(expectedOf(channel))
    expect(await sync()).toEqual({ pts: 253, scan: null, lookedAt: START })
    expect(channel.requests).toEqual(['position', 'page', 'page', 'page', 'difference'])
  })

  test('what is new, edited and deleted takes one request', async () => {
    const { channel, look, shown, clock } = start({ actor })
    const ids = Array.from({ length: 10 }, (_, n) => addFile(channel, `file ${n}`))
    await look()
    channel.requests.length = 0
    addFile(channel, 'new')
    channel.change(ids[3] ?? 0, captionOf('renamed'))
    channel.drop(ids[5] ?? 0, ids[6] ?? 0)
    clock.pass(MINUTE)

    await look()

    expect(await shown()).toEqual(expectedOf(channel))
    expect(channel.requests).toEqual(['difference'])
  })

  test('what changes while the channel is read is in the library at the end', async () => {
    const { channel, look, shown } = start({ actor })
    const ids = Array.from({ length: 300 }, (_, n) => addFile(channel, `file ${n}`))
    let pages = 0
    channel.before = async (method) => {
      if (method !== 'page' || ++pages !== 2) return
      addFile(channel, 'new')
      channel.change(ids[299] ?? 0, captionOf('renamed after it was read'))
      channel.change(ids[0] ?? 0, captionOf('renamed before it is read'))
      channel.drop(ids[298] ?? 0, ids[1] ?? 0)
    }

    await look()

    expect(await shown()).toEqual(expectedOf(channel))
  })

  test('killed at any moment, the next look goes on where it was', async () => {
    const channel = createFakeChannel()
    channel.sees = actor
    const ids = Array.from({ length: 220 }, (_, n) => addFile(channel, `file ${n}`))
    addFolder(channel, 'Photos')
    const ledger = createMemoryLedger()
    const killed = new AppError('SHUTTING_DOWN', 'killed')
    for (let round = 0, alive = 0; ; round++) {
      const { look, sync } = start({ channel, ledger })
      // Every request is the last one of a process, and so is every write.
      const [asksFirst, writesFirst] = [round % 2 === 0, round % 2 === 1]
      let answered = 0
      channel.before = async () => {
        if (answered++ > alive) throw killed
      }
      if (writesFirst) ledger.before('applyToLibrary', () => Promise.reject(killed))
      if (round === 3) channel.change(ids[219] ?? 0, captionOf('renamed'))
      if (round === 4) channel.drop(ids[5] ?? 0)
      await look()
      if ((await sync())?.lookedAt != null) break
      expect(round).toBeLessThan(40)
      if (asksFirst) alive = 1 - alive
    }

    expect(await shownIn(ledger)).toEqual(expectedOf(channel))
  })

  test('rows go only by an answer that lacks them, never by an error', async () => {
    const { channel, look, shown, sync, clock, outcomes } = start({ actor })
    addFile(channel, 'a')
    await look()
    const before = await shown()
    const forbidden = new AppError('TELEGRAM_FORBIDDEN', 'not a member')
    channel.before = () => Promise.reject(forbidden)
    clock.pass(MINUTE)

    await look()

    expect(await shown()).toEqual(before)
    expect((await sync())?.lookedAt).toBe(START)
    expect(outcomes).toEqual(['rescanned', 'failed'])
  })

  test('what Telegram has forgotten is read anew, and rows without a message go', async () => {
    const { channel, look, shown, clock } = start({ actor })
    const ids = Array.from({ length: 120 }, (_, n) => addFile(channel, `file ${n}`))
    await look()
    // The oldest, one between, and the newest.
    channel.drop(ids[0] ?? 0, ids[60] ?? 0, ids[119] ?? 0)
    channel.forgottenBefore = 1000
    clock.pass(MINUTE)

    await look()

    expect(await shown()).toEqual(expectedOf(channel))
  })

  test('a file that is posted while a page is on its way keeps its row', async () => {
    const { channel, look, shown, ledger } = start({ actor })
    addFile(channel, 'old')
    channel.before = async (method) => {
      if (method !== 'page') return
      const upload = makeUpload({ fileName: 'new.bin', size: 1 })
      const finished = { messageId: 4711, fileId: 'f', digests: null }
      await ledger.applyToLibrary(KEY, { files: [fileOfUpload(upload, finished, START)] })
    }

    await look()

    expect(await shown()).toContainEqual([4711, 'new.bin', 1])
  })

  test('a channel of other people is read as well, and takes no rows', async () => {
    const { channel, look, shown } = start({ actor })
    for (let n = 0; n < 1000; n++) channel.add(`text ${n}`)
    const id = channel.add('', { fileName: 'theirs.pdf', size: 77 })

    await look()

    expect(await shown()).toEqual([[id, 'theirs.pdf', 77]])
  })
})

test('a library is looked at once a minute, however often it is asked for', async () => {
  const { channel, look, clock } = start()
  await look()
  const { length } = channel.requests
  for (let n = 0; n < 10; n++) await look()
  clock.pass(MINUTE - 1)
  await look()
  expect(channel.requests).toHaveLength(length)

  clock.pass(1)
  await look()

  expect(channel.requests).toHaveLength(length + 1)
})

test('a worker that was started again does not look sooner', async () => {
  const { channel, look, ledger, clock } = start()
  await look()
  const { length } = channel.requests

  const again = start({ channel, ledger, clock })
  await again.look()

  expect(channel.requests).toHaveLength(length)
})

test('after a wait that Telegram asks for the channel is left alone for as long', async () => {
  const { channel, look, clock } = start()
  const flood = new AppError('TELEGRAM_FLOOD_WAIT', 'wait', { retryAfter: 300 })
  channel.before = () => Promise.reject(flood)
  await look()
  channel.before = async () => {}
  channel.requests.length = 0
  clock.pass(299_000)
  await look()
  expect(channel.requests).toEqual([])

  clock.pass(1000)
  await look()

  expect(channel.requests).not.toEqual([])
})

test('a short wait is sat out, and the same request made again', async () => {
  const { channel, look, shown } = start()
  addFile(channel, 'a')
  const waits: string[] = []
  channel.before = async (method) => {
    if (waits.includes(method)) return
    waits.push(method)
    throw new AppError('TELEGRAM_FLOOD_WAIT', 'wait', { retryAfter: 0.001 })
  }

  await look()

  expect(await shown()).toEqual(expectedOf(channel))
  const steps = ['position', 'page', 'difference']
  expect(channel.requests).toEqual(steps.flatMap((step) => [step, step]))
})

test('a rescan reads all again, at once, and rows stay meanwhile', async () => {
  const { channel, look, shown, rescan, sync, clock } = start()
  addFile(channel, 'a')
  await look()
  clock.pass(10_000)
  const before = await shown()
  channel.requests.length = 0
  const seen: unknown[] = []
  channel.before = async () => void seen.push(await shown())

  await rescan()

  expect(channel.requests).toEqual(['position', 'page', 'difference'])
  expect(seen).toEqual([before, before, before])
  expect((await sync())?.lookedAt).toBe(clock.now())
})

test.each([
  ['after a look for changes that is on its way', 'difference', ['difference', 'position']],
  ['by the rescan that is on its way', 'page', ['difference', 'position']],
] as const)('a rescan that is asked for at any moment is done %s', async (_, when, begins) => {
  const { channel, look, follower, clock } = start()
  addFile(channel, 'a')
  await look()
  channel.requests.length = 0
  channel.forgottenBefore = when === 'page' ? 1000 : 0
  channel.before = async (method) => {
    if (method !== when) return
    channel.before = async () => {}
    follower.rescan(credentials)
    follower.rescan(credentials)
  }
  clock.pass(MINUTE)

  await look()

  expect(channel.requests).toEqual([...begins, 'page', 'difference'])
})

test('while transfers work, a look takes its time between two requests', async () => {
  let busy = true
  const { channel, follower } = start({ isBusy: () => busy, paceMs: 60_000 })
  addFile(channel, 'a')

  follower.look(credentials)
  await vi.waitFor(() => expect(channel.requests).toEqual(['position']))
  expect(follower.isLooking(KEY)).toBe(true)

  busy = false
  await follower.close(shuttingDown())
  expect(follower.isLooking(KEY)).toBe(false)
})

test('a look that takes its time holds back no other library', async () => {
  const { channel, follower } = start({ isBusy: () => true, paceMs: 60_000 })
  addFile(channel, 'a')
  const users = Array.from({ length: 9 }, (_, n) => ({ ...credentials, userId: `user ${n}` }))

  for (const user of users) follower.look(user)

  await vi.waitFor(() => expect(channel.requests).toHaveLength(9))
  await follower.close(shuttingDown())
})

test('a look that was stopped goes on when it may', async () => {
  const { channel, follower, look, shown } = start()
  for (let n = 0; n < 150; n++) addFile(channel, `file ${n}`)
  const stopped = Promise.withResolvers<void>()
  channel.before = async (method) => {
    if (method === 'page') await stopped.promise
  }
  follower.look(credentials)
  await vi.waitFor(() => expect(channel.requests).toContain('page'))

  const closed = follower.close(shuttingDown())
  stopped.resolve()
  await closed
  follower.look(credentials)
  expect(follower.isLooking(KEY)).toBe(false)
  follower.reopen()
  await look()

  expect(await shown()).toEqual(expectedOf(channel))
  expect(channel.requests.filter((request) => request === 'position')).toHaveLength(1)
})

test('a bot that sees no messages is not asked, and its rows stay', async () => {
  const { channel, look, rescan, shown, ledger } = start()
  channel.sees = null
  const upload = makeUpload({ fileName: 'a.bin', size: 1 })
  const finished = { messageId: 5, fileId: 'f', digests: null }
  await ledger.applyToLibrary(KEY, { files: [fileOfUpload(upload, finished, START)] })

  await look()
  await rescan()

  expect(channel.requests).toEqual([])
  expect(await shown()).toEqual([[5, 'a.bin', 1]])
})

test('a channel that changes faster than it is read is left for the next look', async () => {
  const { channel, look, log, outcomes } = start()
  addFile(channel, 'a')
  channel.forgottenBefore = Number.MAX_SAFE_INTEGER

  await look()

  expect(channel.requests.filter((request) => request === 'position')).toHaveLength(1)
  expect(log.entries.map(({ level }) => level)).toEqual(['warn'])
  expect(outcomes).toEqual(['failed'])
})

test('an answer that gets nowhere ends the look', async () => {
  const { channel, look, outcomes, clock } = start()
  addFile(channel, 'a')
  await look()
  addFile(channel, 'b')
  channel.differenceLimit = 0
  clock.pass(MINUTE)

  await look()

  expect(outcomes).toEqual(['rescanned', 'failed'])
})

test('a rescan that has just ended is followed by a look for changes, and no other rescan', async () => {
  const { channel, rescan, clock, sync } = start()
  addFile(channel, 'a')
  await rescan()
  const whole = ['position', 'page', 'difference']
  expect(channel.requests).toEqual(whole)
  clock.pass(9_999)
  await rescan()
  expect(channel.requests).toEqual([...whole, 'difference'])
  expect((await sync())?.lookedAt).toBe(clock.now())

  clock.pass(1)
  await rescan()

  expect(channel.requests).toEqual([...whole, 'difference', ...whole])
})

test('what a look has found is counted', async () => {
  const { channel, look, clock, outcomes, read } = start()
  addFile(channel, 'a')
  await look()
  clock.pass(MINUTE)
  await look()
  addFile(channel, 'b')
  clock.pass(MINUTE)

  await look()

  expect(outcomes).toEqual(['rescanned', 'current', 'changed'])
  expect(read()).toBe(2)
})

interface StartOptions {
  actor?: 'user' | 'bot'
  channel?: FakeChannel
  ledger?: MemoryLedger
  clock?: ReturnType<typeof createClock>
  isBusy?: () => boolean
  paceMs?: number
}

function start(options: StartOptions = {}) {
  const { channel = createFakeChannel(), ledger = createMemoryLedger() } = options
  const { clock = createClock(), isBusy = () => false, paceMs = 1 } = options
  if (options.actor) channel.sees = options.actor
  const log = createRecordingLog()
  const outcomes: LookOutcome[] = []
  let read = 0
  const metrics = {
    looked: (outcome: LookOutcome) => void outcomes.push(outcome),
    read: (messages: number) => {
      read += messages
    },
  }
  const follower: Follower = createFollower({
    ...{ catalogue: ledger, channel, isBusy, metrics, now: clock.now, log, paceMs },
  })
  const ended = () => vi.waitFor(() => expect(follower.isLooking(KEY)).toBe(false))
  return {
    ...{ channel, ledger, clock, follower, log, outcomes },
    read: () => read,
    look: async () => {
      follower.look(credentials)
      await ended()
    },
    rescan: async () => {
      follower.rescan(credentials)
      await ended()
    },
    sync: () => ledger.librarySync(KEY),
    shown: () => shownIn(ledger),
  }
}

function createClock() {
  let time = START
  return {
    now: () => time,
    pass: (ms: number) => {
      time += ms
    },
  }
}

type Shown = [messageId: number, name: string, size: number]

/** The files of the library, the oldest first. */
async function shownIn(ledger: MemoryLedger, key: LibraryKey = KEY): Promise<Shown[]> {
  const shown: Shown[] = []
  const newest = await ledger.newestInLibrary(key)
  for (let id = 1; id <= newest; id++) {
    const file = await ledger.libraryFile(key, id)
    if (file) shown.push([id, file.name, file.size])
  }
  return shown
}

function expectedOf(channel: FakeChannel): Shown[] {
  return channel.list().flatMap(({ messageId, text, document }): Shown[] => {
    const name = / name=(\S+)/.exec(text)?.[1] ?? ''
    return document ? [[messageId, decodeURIComponent(name), document.size]] : []
  })
}

const plain = { folderId: null, modifiedAt: null, sha256: null, crc32: null }

function captionOf(name: string): string {
  return encodeCaption({ id: randomBytes(16).toString('hex'), kind: 'file', name, ...plain })
}

function addFile(channel: FakeChannel, name: string): number {
  return channel.add(captionOf(name), { size: name.length })
}

function addFolder(channel: FakeChannel, name: string): number {
  const id = randomBytes(16).toString('hex')
  return channel.add(encodeCaption({ id, kind: 'folder', name, ...plain }))
}
