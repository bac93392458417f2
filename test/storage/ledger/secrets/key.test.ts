import { randomBytes } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadLedgerKey } from '../../../../src/storage/ledger/secrets/key.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { makeTempDir } from '../../../helpers/temp-dir.ts'

function load(fromEnv: string | undefined, directory: string, log = createRecordingLog()) {
  return loadLedgerKey({ fromEnv, directory, log })
}

test('a key in hexadecimal or base64 is taken as it is', async () => {
  const directory = await makeTempDir()
  const key = randomBytes(32)
  const forms = [
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    key.toString('base64url'),
  ]

  for (const fromEnv of forms) expect(load(fromEnv, directory)).toEqual(key)

  expect(await readdir(directory)).toEqual([])
})

test('a passphrase gives the same 32 bytes each time, another gives others', async () => {
  const directory = await makeTempDir()

  const key = load('correct horse', directory)

  expect(key).toHaveLength(32)
  expect(load('correct horse', directory)).toEqual(key)
  expect(load('correct horsf', directory)).not.toEqual(key)
})

test.each([undefined, ''])(
  'without a key in the environment (%j) one is made and kept',
  async (fromEnv) => {
    const directory = join(await makeTempDir(), 'not-there-yet')

    const key = load(fromEnv, directory)

    expect(key).toHaveLength(32)
    expect(load(fromEnv, directory)).toEqual(key)
    expect(await readdir(directory)).toEqual(['ledger.key'])
    expect((await stat(join(directory, 'ledger.key'))).mode & 0o777).toBe(0o600)
  },
)

test('a key file that others can read is taken back from them, with a warning', async () => {
  const directory = await makeTempDir()
  load(undefined, directory)
  const path = join(directory, 'ledger.key')
  await chmod(path, 0o644)
  const log = createRecordingLog()

  load(undefined, directory, log)
  load(undefined, directory, log)

  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(log.entries).toMatchObject([
    { level: 'warn', message: expect.stringContaining('ledger.key was open to other users') },
  ])
})

test('a damaged key file is refused with a sentence that does not show it', async () => {
  const directory = await makeTempDir()
  await writeFile(join(directory, 'ledger.key'), 'half-a-key')

  expect(() => load(undefined, directory)).toThrow(/^ledger\.key is damaged/)
  expect(load).not.toThrow(/half-a-key/)
  expect(await readFile(join(directory, 'ledger.key'), 'utf8')).toBe('half-a-key')
})
