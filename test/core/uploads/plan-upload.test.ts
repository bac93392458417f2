import { expect, test } from 'vitest'
import type { Credentials } from '../../../src/core/ports/credentials.ts'
import { planJoined, planUpload } from '../../../src/core/uploads/plan-upload.ts'
import { MiB } from '../../../src/lib/units.ts'

const ANN: Credentials = {
  userId: 'ann',
  botToken: null,
  channelId: '-1001',
  session: 's',
  apiId: 1,
  apiHash: 'h',
}
const GB = 1024

interface PlanCase {
  /** All in MiB. */
  size: number
  chunk?: number
  document?: number
  volume?: number
  spool?: number
  /** What the disk has at this moment. */
  free?: number
  /** What it would have without other uploads. */
  total?: number
  share?: number
}

function plan(wanted: PlanCase) {
  const { size, chunk = 5, document = 2000, volume = 512 } = wanted
  const { spool = 4 * GB, free = 100 * GB, total = spool, share = 2 * GB } = wanted
  return planUpload(
    {
      gateway: {
        documentLimits: () => ({ documentBytes: document * MiB, volumeBytes: document * MiB }),
      },
      capacity: {
        available: async (presentBytes) => ({
          ...{ limitBytes: spool * MiB, freeBytes: free * MiB, presentBytes },
        }),
        totalBytes: async () => total * MiB,
      },
      maxVolumeBytes: volume * MiB,
      perUser: { maxBytes: share * MiB },
    },
    ANN,
    { size: size * MiB, chunkBytes: chunk * MiB },
  )
}

test.each<[string, PlanCase, { volume: number | null; reserved: number }]>([
  ['what one document takes', { size: 2000 }, { volume: null, reserved: 2000 }],
  ['more than one document takes', { size: 2001 }, { volume: 512, reserved: 1280 }],
  ['20 GB', { size: 20 * GB }, { volume: 512, reserved: 1280 }],
  ['1.5 GB through 400 MB', { size: 1536, spool: 400, share: 400 }, { volume: 160, reserved: 400 }],
  [
    '1.5 GB through a share of 200',
    { size: 1540, spool: 400, share: 200 },
    // And nine chunks beside two of them.
    { volume: 77, reserved: 199 },
  ],
  ['a tiny spool', { size: 100, spool: 40, share: 40 }, { volume: 15, reserved: 40 }],
  ['50 MB of a bot alone', { size: 50, document: 20, chunk: 50 }, { volume: 20, reserved: 50 }],
  ['500 MB of a bot alone', { size: 500, document: 20 }, { volume: 20, reserved: 85 }],
  ['a disk that is full at this moment', { size: 300, free: 100 }, { volume: null, reserved: 300 }],
  ['a disk that is too small', { size: 300, free: 50, total: 200 }, { volume: 77, reserved: 199 }],
  [
    'hardly more than there is room for',
    { size: 41, spool: 40, chunk: 41 },
    { volume: null, reserved: 41 },
  ],
])('%s', async (_name, wanted, { volume, reserved }) => {
  expect(await plan(wanted)).toEqual({
    volumeBytes: volume === null ? null : volume * MiB,
    reservedBytes: reserved * MiB,
  })
})

test('a file whose chunks alone are more than the disk holds is refused, and told so', async () => {
  const refused = plan({ size: 1000, spool: 100, share: 100, chunk: 50 })

  await expect(refused).rejects.toMatchObject({
    code: 'FILE_TOO_LARGE',
    message: 'The worker has too little disk for this file in chunks of this size',
  })
})

test('for a joined file, whose bytes are all here, only the limits of Telegram count', () => {
  const limits = { documentBytes: 2000 * MiB, volumeBytes: 2000 * MiB }
  const options = { gateway: { documentLimits: () => limits }, maxVolumeBytes: 512 * MiB }

  expect(planJoined(options, ANN, 2000 * MiB)).toBeNull()
  expect(planJoined(options, ANN, 3000 * MiB)).toBe(512 * MiB)
})
