import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createProgressBoard } from '../../../src/core/progress/progress-board.ts'
import { createWorkGate } from '../../../src/core/runtime/work-gate.ts'
import { createHeldChunks } from '../../../src/core/uploads/held-chunks.ts'
import { createVolumeWindows } from '../../../src/core/uploads/volume-windows.ts'
import { shuttingDown } from '../../../src/errors.ts'
import { makeUpload } from '../../helpers/upload.ts'

const MINUTE = 60_000
/** Volumes of 100 bytes in chunks of 5: bytes up to 200 are within reach at first. */
const upload = { ...makeUpload({ id: 'large', size: 1000 }), volumeBytes: 100 }

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a held request goes on when a volume is posted and its chunk comes within reach', async () => {
  const room = makeRoom()
  const next = room.hold(205)
  const later = room.hold(305)
  await room.settled()
  expect(room.held.stats).toEqual({ requests: 2, bytes: 10 })

  room.windows.moved('large', 100)

  await expect(next).resolves.toBeUndefined()
  expect(room.held.stats).toEqual({ requests: 1, bytes: 5 })
  room.windows.moved('large', 200)
  await expect(later).resolves.toBeUndefined()
  expect(room.held.stats).toEqual({ requests: 0, bytes: 0 })
})

test('a chunk that came within reach while its request was judged is not held', async () => {
  const room = makeRoom({ posted: 100 })

  await expect(room.hold(300)).resolves.toBeUndefined()
  expect(room.onHeld).not.toHaveBeenCalled()
})

test('a volume that is posted while the window is looked for counts', async () => {
  const room = makeRoom()
  const waits = room.hold(205)

  room.windows.moved('large', 100)

  await expect(waits).resolves.toBeUndefined()
})

test('after four minutes a request that lacks nothing is told to come again', async () => {
  const room = makeRoom({ isWhole: true })
  const waits = room.hold(205)
  const refused = expect(waits).rejects.toMatchObject({ code: 'WINDOW_FULL', retryAfter: 2 })

  await vi.advanceTimersByTimeAsync(4 * MINUTE)

  await refused
  expect(room.held.isHeld('large')).toBe(false)
})

test('an upload that ends lets its held requests go on, to hear so', async () => {
  const room = makeRoom()
  const waits = room.hold(205)
  await room.settled()

  room.board.forget(upload)

  await expect(waits).resolves.toBeUndefined()
})

test('a sender that leaves, and a worker that stops, end the wait', async () => {
  const room = makeRoom()
  const leaving = new AbortController()
  const left = expect(room.hold(205, { signal: leaving.signal })).rejects.toThrow('left')
  const stopped = expect(room.hold(210)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' })
  await room.settled()

  leaving.abort(new Error('left'))
  await left
  expect(room.held.stats.requests).toBe(1)
  room.workGate.close(shuttingDown())

  await stopped
  expect(room.held.stats).toEqual({ requests: 0, bytes: 0 })
})

test('no more than half a volume is held, and what is nearer takes the place of what is further', async () => {
  const room = makeRoom({ isWhole: true })
  const near = [205, 210, 215, 220, 225, 230, 235, 240, 245].map((end) => room.hold(end))
  const furthest = room.hold(260)
  await room.settled()

  await expect(room.hold(265)).rejects.toMatchObject({ code: 'WINDOW_FULL', retryAfter: 2 })
  const nearer = room.hold(250)
  await expect(furthest).rejects.toMatchObject({ code: 'WINDOW_FULL' })
  expect(room.held.stats).toEqual({ requests: 10, bytes: 50 })

  room.windows.moved('large', 100)
  await Promise.all([...near, nearer])
})

test('chunks that are on their way have places, and are not refused for nearer ones', async () => {
  const room = makeRoom({ isWhole: true })
  const chunk = { end: 245, bytes: 30, chunkBytes: 5 }
  const forget = await room.held.expect(upload, chunk)
  const waits = [205, 210, 215, 220].map((end) => room.hold(end))
  await room.settled()

  await expect(room.hold(225)).rejects.toMatchObject({ code: 'WINDOW_FULL' })
  await expect(room.held.expect(upload, { ...chunk, end: 250 })).rejects.toMatchObject({
    code: 'WINDOW_FULL',
  })
  expect(room.held.stats).toEqual({ requests: 4, bytes: 20 })
  forget()
  const another = room.hold(225)
  await room.settled()
  expect(room.held.stats).toEqual({ requests: 5, bytes: 25 })

  room.windows.moved('large', 100)
  await Promise.all([...waits, another])
  expect(room.held.isHeld('large')).toBe(false)
})

test('a chunk within reach needs no place', async () => {
  const room = makeRoom()

  const forget = await room.held.expect(upload, { end: 200, bytes: 200, chunkBytes: 5 })

  forget()
  expect(room.held.stats).toEqual({ requests: 0, bytes: 0 })
})

test('one user and all users hold so many requests and no more', async () => {
  const room = makeRoom({ limits: { perOwner: 1, inAll: 2, holdMs: MINUTE } })
  const other = { ...upload, id: 'other', owner: 'user-2' }
  const third = { ...upload, id: 'third', owner: 'user-3' }
  const waits = [room.hold(205), room.hold(205, { upload: other })]
  for (const each of waits) each.catch(() => {})
  await room.settled()

  await expect(room.hold(210)).rejects.toMatchObject({ code: 'WINDOW_FULL' })
  await expect(room.hold(205, { upload: third })).rejects.toMatchObject({ code: 'WINDOW_FULL' })
  await vi.advanceTimersByTimeAsync(MINUTE)
})

test('when only held requests are left and a chunk is missing, one at a time gives way', async () => {
  const room = makeRoom()
  const refused: number[] = []
  for (const end of [205, 210, 215]) {
    room.hold(end).catch(({ retryAfter }) => refused.push(end, retryAfter))
  }

  await vi.advanceTimersByTimeAsync(1_000)
  expect(refused).toEqual([215, 1])

  // Its connection has brought the same chunk again.
  room.held.arriving('browser')()
  room.hold(215).catch(() => {})
  await vi.advanceTimersByTimeAsync(1_000)
  expect(refused).toEqual([215, 1, 210, 1])
})

test('none gives way while bytes come from a sender of a held request', async () => {
  const room = makeRoom()
  const refused = vi.fn()
  room.hold(205).catch(refused)
  const arrived = room.held.arriving('browser')

  await vi.advanceTimersByTimeAsync(5_000)
  expect(refused).not.toHaveBeenCalled()

  arrived()
  await vi.advanceTimersByTimeAsync(1_000)
  expect(refused).toHaveBeenCalledOnce()
})

test('bytes of another sender keep none waiting', async () => {
  const room = makeRoom()
  const refused = vi.fn()
  room.hold(205).catch(refused)
  room.held.arriving('another')

  await vi.advanceTimersByTimeAsync(1_000)

  expect(refused).toHaveBeenCalledOnce()
})

interface RoomOptions {
  posted?: number
  isWhole?: boolean
  limits?: { perOwner: number; inAll: number; holdMs: number }
}

function makeRoom({ posted = 0, isWhole = false, limits }: RoomOptions = {}) {
  const board = createProgressBoard()
  const workGate = createWorkGate()
  const windows = createVolumeWindows({ postedBytes: async () => posted, progress: board })
  const has = (): boolean => isWhole
  const held = createHeldChunks({ windows, has, workGate, ...(limits && { limits }) })
  const onHeld = vi.fn()
  const { signal } = new AbortController()

  return {
    board,
    workGate,
    windows,
    held,
    onHeld,
    hold: (end: number, how: { upload?: typeof upload; signal?: AbortSignal } = {}) =>
      held.hold(
        how.upload ?? upload,
        { end, bytes: 5, chunkBytes: 5 },
        { sender: 'browser', signal: how.signal ?? signal, onHeld },
      ),
    /** What could be done at once has been. */
    settled: () => vi.advanceTimersByTimeAsync(0),
  }
}
