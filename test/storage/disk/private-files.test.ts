import { chmod, mkdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { makePrivateFolder } from '../../../src/storage/disk/private-files.ts'
import { createRecordingLog } from '../../helpers/recording-log.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

const OURS = [
  'ledger.key',
  'ledger.sqlite',
  'ledger.sqlite-wal',
  'lock.sqlite',
  'spool',
  'emulator',
]

test('a data directory that is made is its owner’s alone', async () => {
  const log = createRecordingLog()
  const path = join(await makeTempDir(), 'not', 'there')

  makePrivateFolder(path, log)

  expect(await modeOf(path)).toBe(0o700)
  expect(log.entries).toEqual([])
})

test.each([
  ['is empty', 0o755, [], 0o700, 'closed now'],
  ['has nothing but what is ours', 0o777, OURS, 0o700, 'closed now'],
  ['has other things', 0o755, ['ledger.key', 'index.html'], 0o755, 'open to other users'],
  ['many share, such as /tmp', 0o1777, [], 0o1777, 'open to other users'],
  ['has a group that was chosen', 0o2770, [], 0o2770, 'open to other users'],
  ['is closed already', 0o700, ['index.html'], 0o700, null],
])('a data directory that %s', async (_name, before, names, after, warning) => {
  const log = createRecordingLog()
  const path = join(await makeTempDir(), 'data')
  await mkdir(path)
  for (const name of names) await writeFile(join(path, name), '')
  await chmod(path, before)

  makePrivateFolder(path, log)

  expect((await modeOf(path)).toString(8)).toBe(after.toString(8))
  const warnings =
    warning === null ? [] : [{ level: 'warn', message: expect.stringContaining(warning) }]
  expect(log.entries).toMatchObject(warnings)
})

async function modeOf(path: string): Promise<number> {
  return (await stat(path)).mode & 0o7777
}
