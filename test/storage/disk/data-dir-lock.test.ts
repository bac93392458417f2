import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { lockDataDir } from '../../../src/storage/disk/data-dir-lock.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { startChild } from '../../helpers/start-child.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

test('a second process waits for the first, and goes on when that one is killed', async () => {
  const directory = await makeTempDir()
  const first = await startHolder(directory)

  const log = createRecordingLog()
  const second = lockDataDir(directory, { signal: neverAborted(), log })
  const settled = vi.fn()
  void second.then(settled)
  await vi.waitFor(() => expect(log.entries).toHaveLength(1))
  expect(settled).not.toHaveBeenCalled()

  await first.kill()
  const release = await second
  release()
})

test('the other way round: a process gets the lock that this one gives back', async () => {
  const directory = await makeTempDir()
  const release = await lockDataDir(directory, options())
  const other = startChild('storage/storage-child.ts', ['lock', directory])
  const third = startChild('storage/storage-child.ts', ['lock', await makeTempDir()])
  await vi.waitFor(() => expect(third.lines).toEqual(['locked']))
  expect(other.lines).toEqual([])

  release()
  release()

  await vi.waitFor(() => expect(other.lines, other.errors).toEqual(['locked']))
})

test('a lock file that is torn is no lock, and one again afterwards', async () => {
  const directory = await makeTempDir()
  await writeFile(join(directory, 'lock.sqlite'), 'this was never a database'.repeat(100))

  const log = createRecordingLog()
  const release = await lockDataDir(directory, { signal: neverAborted(), log })
  const other = startChild('storage/storage-child.ts', ['lock', directory])
  const third = startChild('storage/storage-child.ts', ['lock', await makeTempDir()])
  await vi.waitFor(() => expect(third.lines).toEqual(['locked']))
  expect(other.lines).toEqual([])
  release()

  await vi.waitFor(() => expect(other.lines, other.errors).toEqual(['locked']))
  expect(log.entries).toEqual([])
})

test('waiting ends with the reason of the signal', async () => {
  const directory = await makeTempDir()
  const release = await lockDataDir(directory, options())
  onTestFinished(release)
  const controller = new AbortController()

  const waiting = lockDataDir(directory, { ...options(), signal: controller.signal })
  const reason = new Error('shutting down')
  controller.abort(reason)

  await expect(waiting).rejects.toBe(reason)
})

async function startHolder(directory: string) {
  const holder = startChild('storage/storage-child.ts', ['lock', directory])
  await vi.waitFor(() => expect(holder.lines, holder.errors).toEqual(['locked']))
  return holder
}

function neverAborted(): AbortSignal {
  return new AbortController().signal
}

function options() {
  return { signal: neverAborted(), log: createRecordingLog() }
}
