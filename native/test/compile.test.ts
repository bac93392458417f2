import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, onTestFinished, test } from 'vitest'
import { loadAesIge } from '../src/aes-ige.ts'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const run = promisify(execFile)

test('without a C compiler one line says so, and nothing fails', async () => {
  const folder = await copyPackage()

  const { stdout, stderr } = await compile(folder, { PATH: '/nonexistent' })

  expect(stdout).toBe('')
  expect(stderr).toMatch(
    /^AES and SHA-256 by the processor's .* are not available: there is no C compiler here\n$/,
  )
})

test('a compiler that fails is a warning, and leaves nothing behind', async () => {
  const folder = await copyPackage()

  const { stderr } = await compile(folder, { CC: '/bin/false' })

  expect(stderr).toMatch(/are not available: the compiler failed: .+\n$/)
  expect(await readdir(join(folder, 'build'))).toEqual([])
})

// Where the module could be compiled for this checkout, it can be compiled here.
test.runIf(loadAesIge().kind === 'native')(
  'starts at the same time leave one module of each kind, and a later one compiles nothing',
  async () => {
    const folder = await copyPackage()

    const outputs = await Promise.all([1, 2, 3].map(() => compile(folder, {})))
    const made = await readdir(join(folder, 'build'))
    await compile(folder, { CC: '/bin/false' })

    expect(outputs.map(({ stderr }) => stderr)).toEqual(['', '', ''])
    expect(made.sort()).toEqual([
      expect.stringMatching(/^aes-ige-\w+-\w+-[0-9a-f]{16}\.node$/),
      expect.stringMatching(/^sha256-\w+-\w+-[0-9a-f]{16}\.node$/),
    ])
  },
)

/** The package alone, in a folder of its own, with the headers that it needs. */
async function copyPackage(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'aes-ige-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  for (const name of ['package.json', 'src']) {
    await cp(join(PACKAGE, name), join(folder, name), { recursive: true })
  }
  await symlink(join(PACKAGE, '../node_modules'), join(folder, 'node_modules'))
  return folder
}

function compile(
  folder: string,
  env: Record<string, string>,
): Promise<{ stdout: string; stderr: string }> {
  const { PATH = '' } = process.env
  return run(process.execPath, [join(folder, 'src/compile.ts')], { env: { PATH, ...env } })
}
