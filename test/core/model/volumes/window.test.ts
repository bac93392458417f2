import { describe, expect, test } from 'vitest'
import {
  chunksBesideVolumes,
  givesWay,
  type HeldChunk,
  type Holding,
  heldBytesOf,
  heldInstead,
  OVERDUE_MS,
  reachOf,
  SETTLES_MS,
} from '../../../../src/core/model/volumes/window.ts'
import { MiB } from '../../../../src/lib/units.ts'

/** In units of a megabyte. */
const window = (fields = {}) => ({
  size: 1000,
  volumeBytes: 100,
  chunkBytes: 5,
  posted: 0,
  ...fields,
})

test.each([
  ['the two lowest volumes', {}, 200],
  ['the two behind those that are posted', { posted: 300 }, 500],
  ['no more than the file', { posted: 900 }, 1000],
  ['a chunk of more than a volume, which completes the lowest', { chunkBytes: 250 }, 250],
  ['the next such chunk once it is needed', { chunkBytes: 250, posted: 200 }, 500],
  ['a file of one chunk', { chunkBytes: 1000 }, 1000],
])('reach is %s', (_name, fields, reach) => {
  expect(reachOf(window(fields))).toBe(reach)
})

test.each([
  ['half a volume', {}, 50],
  [
    'less what lies across the border of the last posted volume',
    { chunkBytes: 30, posted: 100 },
    40,
  ],
  ['one chunk where half a volume is less', { chunkBytes: 70 }, 70],
  ['one chunk where the border leaves no more', { chunkBytes: 45, posted: 400 }, 45],
])('%s may be held', (_name, fields, bytes) => {
  expect(heldBytesOf(window(fields))).toBe(bytes)
})

test.each([
  ['a chunk of each of eight senders, of volumes of 20 MB', 20, 5, 40],
  ['half a volume where that is more', 512, 5, 256],
  ['no more than half a volume that is three chunks', 15, 5, 7.5],
  ['no more than half of the smallest volume', 1, 0.25, 0.5],
])('%s: so much may be held', (_name, volume, chunk, held) => {
  const volumeBytes = volume * MiB
  const state = { size: 40 * volumeBytes, volumeBytes, chunkBytes: chunk * MiB, posted: 0 }

  expect(heldBytesOf(state)).toBe(held * MiB)
})

test.each([
  ['a 5 MB chunk', 5, 16],
  ['a chunk of a quarter of a volume', 5, 20],
  ['a chunk that lies across borders', 3, 20],
  ['a chunk of a third of a volume', 33, 100],
  ['a chunk of a volume', 100, 100],
])('with %s what is taken and what is held never exceed the window', (_name, chunk, volume) => {
  const [chunkBytes, volumeBytes] = [chunk * MiB, volume * MiB]
  const beside = chunksBesideVolumes({ chunkBytes, volumeBytes }) * chunkBytes
  const most = Math.max(2.5 * volumeBytes, 2 * volumeBytes + beside)
  const size = 40 * volumeBytes

  for (let posted = 0; posted < size; posted += volumeBytes) {
    const state = { size, volumeBytes, chunkBytes, posted }
    const kept = reachOf(state) - Math.floor(posted / chunkBytes) * chunkBytes
    expect(kept + heldBytesOf(state)).toBeLessThanOrEqual(most)
  }
})

describe('while requests are held', () => {
  const chunk = (end: number, gaveWay = 0): HeldChunk => ({ end, bytes: 5, gaveWay })
  const holding = (fields: Partial<Holding<HeldChunk>> = {}): Holding<HeldChunk> => ({
    held: [chunk(205), chunk(215), chunk(210)],
    lowestIsWhole: false,
    receiving: false,
    cameSince: true,
    sinceMs: SETTLES_MS,
    ...fields,
  })

  test.each<[string, Partial<Holding<HeldChunk>>, number | null]>([
    ['none gives way while Telegram has all of the lowest volume', { lowestIsWhole: true }, null],
    ['none gives way before a moment has passed', { sinceMs: SETTLES_MS - 1 }, null],
    ['none gives way while bytes come that may be the missing ones', { receiving: true }, null],
    ['none gives way while the place that was made is free', { cameSince: false }, null],
    ['the one furthest ahead gives way', {}, 215],
    ['the one gives way that has done so least often', { held: [chunk(205), chunk(215, 1)] }, 205],
    [
      'one gives way after all to a sender that never ends',
      { receiving: true, sinceMs: OVERDUE_MS },
      215,
    ],
    ['one gives way after all where none has come', { cameSince: false, sinceMs: OVERDUE_MS }, 215],
    ['nothing gives way where nothing is held', { held: [] }, null],
  ])('%s', (_name, fields, end) => {
    expect(givesWay(holding(fields))?.end ?? null).toBe(end)
  })

  test.each<[string, number[], number, number, number[] | null]>([
    ['a chunk is held while there is room', [205], 210, 10, []],
    ['a chunk is refused that is further ahead than all of them', [205, 210], 215, 10, null],
    ['a chunk that is nearer takes the place of the furthest', [215, 210], 205, 10, [215]],
    ['it takes as many places as it needs', [215, 210], 205, 5, [215, 210]],
    ['a chunk is refused where those that are nearer leave no room', [205, 220], 210, 9, null],
  ])('%s', (_name, ends, end, most, refused) => {
    const held = ends.map((each) => chunk(each))

    expect(heldInstead(held, chunk(end), most)?.map((each) => each.end) ?? null).toEqual(refused)
  })
})
