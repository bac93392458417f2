import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import { openLedger } from '../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../src/storage/spool.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { claim, claimAll, pieces, readAll, receive } from '../helpers/spool-contract.ts'
import { makeUpload } from '../helpers/upload.ts'

const canMount = await tryMount()

describe.skipIf(!canMount)('on a disk of 4 MB (needs the right to mount)', () => {
  test('a chunk that does not fit is SPOOL_FULL, leaves nothing, and harms no other', async () => {
    const { spool, directory } = await makeSmallDisk()
    const bytes = randomBytes(2 * MiB)
    await claimAll(spool, 'before', bytes, MiB)

    await expect(receive(spool, pieces(randomBytes(3 * MiB), 64 * KiB))).rejects.toMatchObject({
      code: 'SPOOL_FULL',
      status: 507,
      retryable: true,
    })

    expect(await readdir(join(directory, 'tmp'))).toEqual([])
    const before = await readAll(spool, 'before', { size: bytes.length, chunkSize: MiB })
    expect(before.equals(bytes)).toBe(true)
  })

  test('a disk that is full in the middle of the last write is full', async () => {
    const { spool, directory } = await makeSmallDisk()
    await writeFile(join(directory, 'neighbour'), Buffer.alloc(100 * KiB))

    const received = receive(spool, pieces(randomBytes(4 * MiB), 64 * KiB))

    await expect(received).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('of many at once those that fit are taken whole, the others leave nothing', async () => {
    const { spool, directory } = await makeSmallDisk()

    const ends = await Promise.allSettled(
      Array.from({ length: 6 }, (_, index) =>
        claim(spool, 'up', index, pieces(randomBytes(MiB), 64 * KiB)),
      ),
    )

    const refused = ends.filter((end) => end.status === 'rejected')
    expect(refused.length).toBeGreaterThan(1)
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'SPOOL_FULL' })
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
    for (const index of await spool.chunkIndexes('up')) {
      expect(await spool.chunkFileSize('up', index)).toBe(MiB)
    }
  })

  test('the check says so, and that it is over, without a restart', async () => {
    const { spool, directory } = await makeSmallDisk()
    await spool.check()
    await fill(directory)

    await expect(spool.check()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    await rm(join(directory, 'filler'))

    await spool.check()
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('a ledger that finds no room says SPOOL_FULL, keeps what it has, and recovers', async () => {
    const { directory } = await makeSmallDisk()
    const log = createRecordingLog()
    const ledger = openLedger({ path: join(directory, 'ledger.sqlite'), key: randomBytes(32), log })
    onTestFinished(ledger.close)
    ledger.insertUpload(makeUpload({ id: 'before' }), 'token')
    await fill(directory)

    const insertMany = (): void => {
      for (let index = 0; index < 1000; index++) {
        ledger.insertUpload(makeUpload({ id: `after-${index}` }), 'token')
      }
    }
    expect(insertMany).toThrow(expect.objectContaining({ code: 'SPOOL_FULL' }))
    expect(ledger.findUpload('before')).not.toBeNull()
    expect(ledger.uploadToken('before')).toBe('token')

    await rm(join(directory, 'filler'))
    ledger.insertUpload(makeUpload({ id: 'recovered' }), 'token')
    expect(ledger.findUpload('recovered')).not.toBeNull()
  })

  test('a disk that became read-only is SPOOL_FAILED, and what is there is read', async () => {
    const { spool, directory } = await makeSmallDisk()
    const bytes = randomBytes(MiB)
    await claimAll(spool, 'up', bytes, MiB)
    execFileSync('mount', ['-o', 'remount,ro', directory])

    await expect(receive(spool, pieces(bytes, MiB))).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      status: 503,
    })
    await expect(spool.check()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    await expect(spool.remove('up')).rejects.toMatchObject({ code: 'SPOOL_FAILED' })

    const read = await readAll(spool, 'up', { size: MiB, chunkSize: MiB })
    expect(read.equals(bytes)).toBe(true)
  })
})

async function makeSmallDisk() {
  const directory = await mkdtemp(join(tmpdir(), 'telestore-small-'))
  mount(directory)
  onTestFinished(async () => {
    execFileSync('umount', ['--lazy', directory])
    await rm(directory, { recursive: true })
  })
  const spool = await createSpool({ directory, fsync: false, log: createRecordingLog() })
  onTestFinished(() => spool.close())
  return { spool, directory }
}

/** Takes all the room there is. */
async function fill(directory: string): Promise<void> {
  await writeFile(join(directory, 'filler'), Buffer.alloc(8 * MiB)).catch(() => {})
}

function mount(directory: string): void {
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', directory], { stdio: 'ignore' })
}

async function tryMount(): Promise<boolean> {
  const directory = join(await mkdtemp(join(tmpdir(), 'telestore-mount-')), 'here')
  await mkdir(directory)
  try {
    mount(directory)
    execFileSync('umount', [directory])
    return true
  } catch {
    return false
  } finally {
    await rm(join(directory, '..'), { recursive: true })
  }
}
