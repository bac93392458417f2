import { randomBytes } from 'node:crypto'
import { chmod, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadLedgerKey } from '../../../src/storage/ledger/key.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'

test('a key in hexadecimal or base64 is taken as it is', async () => {
  const directory = await makeTempDir()
  const key = randomBytes(32)
  const forms = [
    key.toString('hex'),
    key.toString('hex').toUpperCase(),
    key.toString('base64'),
    key.toString('base64url'),
  ]

  for (const fromEnv of forms) expect(loadLedgerKey({ fromEnv, directory })).toEqual(key)

  expect(await readdir(directory)).toEqual([])
})

test('a passphrase gives the same 32 bytes each time, another gives others', async () => {
  const directory = await makeTempDir()

  const key = loadLedgerKey({ fromEnv: 'correct horse', directory })

  expect(key).toHaveLength(32)
  expect(loadLedgerKey({ fromEnv: 'correct horse', directory })).toEqual(key)
  expect(loadLedgerKey({ fromEnv: 'correct horsf', directory })).not.toEqual(key)
})

test.each([undefined, ''])(
  'without a key in the environment (%j) one is made and kept',
  async (fromEnv) => {
    const directory = join(await makeTempDir(), 'not-there-yet')

    const key = loadLedgerKey({ fromEnv, directory })

    expect(key).toHaveLength(32)
    expect(loadLedgerKey({ fromEnv, directory })).toEqual(key)
    expect(await readdir(directory)).toEqual(['ledger.key'])
    expect((await stat(join(directory, 'ledger.key'))).mode & 0o777).toBe(0o600)
  },
)

test('a key file that others can read is taken back from them', async () => {
  const directory = await makeTempDir()
  loadLedgerKey({ fromEnv: undefined, directory })
  const path = join(directory, 'ledger.key')
  await chmod(path, 0o644)

  loadLedgerKey({ fromEnv: undefined, directory })

  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('a damaged key file is refused with a sentence that does not show it', async () => {
  const directory = await makeTempDir()
  await writeFile(join(directory, 'ledger.key'), 'half-a-key')

  const load = () => loadLedgerKey({ fromEnv: undefined, directory })

  expect(load).toThrow(/^ledger\.key is damaged/)
  expect(load).not.toThrow(/half-a-key/)
  expect(await readFile(join(directory, 'ledger.key'), 'utf8')).toBe('half-a-key')
})
