import { expect, test } from 'vitest'
import { MAX_VOLUMES } from '../../../../src/core/model/volumes/manifest.ts'
import {
  countVolumes,
  planVolumes,
  type VolumeLimits,
  volumeAt,
  volumeOf,
} from '../../../../src/core/model/volumes/plan.ts'
import { KiB, MiB } from '../../../../src/lib/units.ts'

const GiB = 1024 * MiB
const CHUNK = 5 * MiB

function limits(fields: Partial<VolumeLimits> & { size: number }): VolumeLimits {
  return {
    chunkBytes: CHUNK,
    documentBytes: 2000 * MiB,
    volumeBytes: 512 * MiB,
    spoolBytes: 64 * GiB,
    shareBytes: 32 * GiB,
    ...fields,
  }
}

test.each<[string, Partial<VolumeLimits> & { size: number }]>([
  ['it is as large as one document', { size: 2000 * MiB }],
  ['it fills the spool', { size: 400 * MiB, spoolBytes: 400 * MiB }],
  ["it fills its owner's share", { size: 400 * MiB, shareBytes: 400 * MiB }],
  ['it is empty', { size: 0 }],
])('a file goes as one document where %s', (_, fields) => {
  expect(planVolumes(limits(fields))).toBeNull()
})

test.each<[string, Partial<VolumeLimits> & { size: number }, object]>([
  [
    'than one document of a user',
    { size: 2000 * MiB + 1 },
    { volumeBytes: 512 * MiB, count: 4, windowBytes: 1280 * MiB },
  ],
  [
    'than what a bot alone reads back',
    { size: 21 * MiB, documentBytes: 20 * MiB, volumeBytes: 20 * MiB },
    { volumeBytes: 20 * MiB, count: 2, windowBytes: 21 * MiB },
  ],
  [
    'than many of these',
    { size: 500 * MiB, documentBytes: 20 * MiB, volumeBytes: 20 * MiB },
    // Two volumes, and nine chunks: one of each of eight senders, and one across a border.
    { volumeBytes: 20 * MiB, count: 25, windowBytes: 85 * MiB },
  ],
  [
    'than the spool',
    { size: 1536 * MiB, spoolBytes: 400 * MiB },
    { volumeBytes: 160 * MiB, count: 10, windowBytes: 400 * MiB },
  ],
  [
    "than its owner's share",
    { size: 1536 * MiB, shareBytes: 200 * MiB },
    { volumeBytes: 77 * MiB, count: 20, windowBytes: 199 * MiB },
  ],
])('a file goes as volumes where it is larger %s', (_, fields, plan) => {
  expect(planVolumes(limits(fields))).toEqual({ size: fields.size, ...plan })
})

test('a volume has whole MiB, and is never smaller than one', () => {
  const plan = (spoolBytes: number) =>
    planVolumes(limits({ size: 2 * GiB, chunkBytes: 512 * KiB, spoolBytes }))

  expect(plan(99 * MiB)?.volumeBytes).toBe(39 * MiB)
  expect(plan(2 * MiB)?.volumeBytes).toBe(MiB)
})

test.each([
  [200 * MiB, 440 * MiB],
  [600 * MiB, 40 * MiB],
])('two volumes and two chunks of %i bytes fit in the spool', (chunkBytes, volumeBytes) => {
  const size = 30 * 600 * MiB

  const plan = planVolumes(limits({ size, chunkBytes, spoolBytes: 1280 * MiB }))

  expect(plan).toMatchObject({ volumeBytes, windowBytes: 1280 * MiB })
})

test('of chunks that are large for their spool, those of eight senders have room, or one has', () => {
  const plan = (chunkBytes: number) =>
    planVolumes(limits({ size: 64 * GiB, chunkBytes, spoolBytes: GiB }))

  expect(plan(32 * MiB)).toMatchObject({ volumeBytes: 368 * MiB, windowBytes: GiB })
  expect(plan(128 * MiB)).toMatchObject({ volumeBytes: 384 * MiB, windowBytes: GiB })
})

test('the window of a large file fits in any spool that holds a few of its chunks', () => {
  for (const megabytes of [14, 16, 24, 32, 50, 64, 84, 85, 86, 100, 128, 400, 1000, 4096]) {
    const spoolBytes = megabytes * MiB
    const plan = planVolumes(limits({ size: 4 * GiB, spoolBytes }))

    expect(plan?.windowBytes, `${megabytes} MB`).toBeLessThanOrEqual(spoolBytes)
    expect(plan?.volumeBytes).toBeLessThanOrEqual(Math.max(MiB, 0.4 * spoolBytes))
  }
})

test('a file of more volumes than a manifest names gets larger ones, or is refused', () => {
  const size = 5 * MAX_VOLUMES * MiB
  const narrow = limits({ size, chunkBytes: MiB, spoolBytes: 4 * MiB })

  expect(planVolumes(narrow)).toMatchObject({ volumeBytes: 5 * MiB, count: MAX_VOLUMES })
  expect(() => planVolumes({ ...narrow, volumeBytes: 4 * MiB })).toThrow('volumes can be together')
})

test('volumes lie behind each other, and the last one has the rest', () => {
  const cut = { size: 25 * MiB, volumeBytes: 10 * MiB }

  expect(countVolumes(cut)).toBe(3)
  expect([1, 2, 3].map((number) => volumeAt(cut, number))).toEqual([
    { number: 1, start: 0, length: 10 * MiB },
    { number: 2, start: 10 * MiB, length: 10 * MiB },
    { number: 3, start: 20 * MiB, length: 5 * MiB },
  ])
  const offsets = [0, 10 * MiB - 1, 10 * MiB, 25 * MiB - 1]
  expect(offsets.map((offset) => volumeOf(cut, offset).number)).toEqual([1, 1, 2, 3])
})
