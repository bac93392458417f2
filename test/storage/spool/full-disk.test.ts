import { randomBytes } from 'node:crypto'
import { readdir, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { openLedger } from '../../../src/storage/ledger/ledger.ts'
import { createSpool } from '../../../src/storage/spool/spool.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { insertUpload } from '../../helpers/storage/insert-upload.ts'
import { canMount, mountSmallDisk } from '../../helpers/storage/small-disk.ts'
import { claim, claimAll, pieces, readAll, receive } from '../../helpers/storage/spool-contract.ts'
import { spoolUpload } from '../../helpers/storage/spool-upload.ts'
import { makeUpload } from '../../helpers/upload.ts'

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
    for (const index of await spool.chunkIndexes(spoolUpload('up'))) {
      expect(await spool.chunkFileSize(spoolUpload('up'), index)).toBe(MiB)
    }
  })

  test('the check says so, and that it is over, without a restart', async () => {
    const { spool, directory, fill, clear } = await makeSmallDisk()
    await spool.check()
    await fill()

    await expect(spool.check()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    await clear()

    await spool.check()
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('a ledger that finds no room says SPOOL_FULL, keeps what it has, and recovers', async () => {
    const { directory, fill, clear } = await makeSmallDisk()
    const log = createRecordingLog()
    const ledger = openLedger({ path: join(directory, 'ledger.sqlite'), key: randomBytes(32), log })
    onTestFinished(ledger.close)
    await insertUpload(ledger, makeUpload({ id: 'before' }), 'token')
    await fill()

    const insertMany = async (): Promise<void> => {
      for (let index = 0; index < 1000; index++) {
        await insertUpload(ledger, makeUpload({ id: `after-${index}` }), 'token')
      }
    }
    await expect(insertMany()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
    expect(await ledger.findUpload('before')).not.toBeNull()
    expect(await ledger.uploadToken('before')).toBe('token')

    await clear()
    await insertUpload(ledger, makeUpload({ id: 'recovered' }), 'token')
    expect(await ledger.findUpload('recovered')).not.toBeNull()
  })

  test('a disk that became read-only is SPOOL_FAILED, and what is there is read', async () => {
    const { spool, makeReadOnly, makeWritable } = await makeSmallDisk()
    const bytes = randomBytes(MiB)
    await claimAll(spool, 'up', bytes, MiB)
    makeReadOnly()

    await expect(receive(spool, pieces(bytes, MiB))).rejects.toMatchObject({
      code: 'SPOOL_FAILED',
      status: 503,
    })
    await expect(spool.check()).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
    await expect(spool.remove(spoolUpload('up'))).rejects.toMatchObject({ code: 'SPOOL_FAILED' })

    const read = await readAll(spool, 'up', { size: MiB, chunkSize: MiB })
    expect(read.equals(bytes)).toBe(true)
    makeWritable()
    await claimAll(spool, 'recovered', bytes, MiB)
  })

  test('what is announced and does not fit is refused before a byte is asked for', async () => {
    const { spool, directory, fill } = await makeSmallDisk()
    await fill(2 * MiB)
    let asked = false
    async function* source() {
      asked = true
      yield randomBytes(3 * MiB)
    }

    const received = receive(spool, source(), { expectedBytes: 3 * MiB })

    await expect(received).rejects.toMatchObject({ code: 'SPOOL_FULL', retryAfter: 60 })
    expect(asked).toBe(false)
    expect(await readdir(join(directory, 'tmp'))).toEqual([])
  })

  test('senders that come at once are let in only as far as all of them fit', async () => {
    const { spool } = await makeSmallDisk()
    const gate = Promise.withResolvers<void>()
    async function* slow() {
      await gate.promise
      yield randomBytes(MiB)
    }

    const all = Array.from({ length: 6 }, () =>
      receive(spool, slow(), { expectedBytes: MiB }).then(() => 'taken'),
    )
    const ends = Promise.allSettled(all)
    await expect(Promise.any(all.map(rejection))).resolves.toMatchObject({ code: 'SPOOL_FULL' })
    gate.resolve()

    const taken = (await ends).filter(({ status }) => status === 'fulfilled')
    expect(taken).toHaveLength(3)
  })

  test('room that was given back is there for the next sender at once', async () => {
    const { spool } = await makeSmallDisk()
    const source = () => pieces(Buffer.alloc(3.5 * MiB), 64 * KiB)
    const receiveMore = () => receive(spool, source(), { expectedBytes: 3.5 * MiB })

    for (let round = 0; round < 20; round++) {
      await claim(spool, 'up', 0, source())
      await expect(receiveMore()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
      await spool.remove(spoolUpload('up'))
      const chunk = await receiveMore()
      await expect(receiveMore()).rejects.toMatchObject({ code: 'SPOOL_FULL' })
      await chunk.discard()
    }
  })

  test('chunks leave the ledger its share, also those of which nobody said how long they are', async () => {
    const { spool, directory } = await makeSmallDisk()

    await expect(receive(spool, pieces(randomBytes(3.95 * MiB), 64 * KiB))).rejects.toThrow()
    await claim(spool, 'up', 0, pieces(randomBytes(3.5 * MiB), 64 * KiB))
    await expect(receive(spool, pieces(randomBytes(MiB), 64 * KiB))).rejects.toThrow()

    const { bavail, bsize } = await statfs(directory)
    expect(bavail * bsize).toBeGreaterThan(100 * KiB)
  })
})

/** Resolves with what the promise is rejected with; rejects when it is not. */
async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => Promise.reject(new Error('it was taken')),
    (error: unknown) => error,
  )
}

async function makeSmallDisk() {
  const disk = await mountSmallDisk(4 * MiB)
  const { directory } = disk
  const spool = await createSpool({ directory, fsync: false, log: createRecordingLog() })
  onTestFinished(() => spool.close())
  return { ...disk, spool }
}
