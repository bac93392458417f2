import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { sha256 } from '../helpers/callers/client.ts'
import { run } from './support/programs.ts'
import { bytesFetched, serveFile, sha256OfFile } from './support/served-file.ts'

test('wget -c reads only what a half file lacks', async () => {
  const bytes = randomBytes(12 * MiB + 321)
  const { link, folder, telegram } = await serveFile('a.bin', bytes)
  const path = join(folder, 'half.bin')
  await writeFile(path, bytes.subarray(0, 6 * MiB))

  await run('wget', ['--no-config', '-q', '-c', '-O', path, link], { home: folder })

  expect(await sha256OfFile(path)).toBe(sha256(bytes))
  expect(bytesFetched(telegram)).toBeLessThan(7 * MiB)
})

test('aria2c reads one file over eight connections', async () => {
  const bytes = randomBytes(40 * MiB)
  const { link, folder, worker, telegram } = await serveFile('a.bin', bytes)
  // So that the first connection is not done before the others have begun.
  telegram.settings.change({ latencyMs: 50 })

  const split = ['-x8', '-s8', '-k1M', '--file-allocation=none']
  const args = ['--no-conf', '-q', ...split, '-d', folder, '-o', 'whole.bin', link]
  await run('aria2c', args, { home: folder })

  expect(await sha256OfFile(join(folder, 'whole.bin'))).toBe(sha256(bytes))
  // The first asks for the whole file and hangs up where the second began.
  const answers = () => worker.output().match(/Downloaded: |client left/g)?.length ?? 0
  await vi.waitFor(() => expect(answers()).toBeGreaterThanOrEqual(8))
})
