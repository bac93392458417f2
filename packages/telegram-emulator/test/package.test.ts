import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { startChild } from './helpers/child.ts'
import { makeTempDir } from './helpers/temp-dir.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const tsc = join(createRequire(import.meta.url).resolve('typescript/package.json'), '../bin/tsc')

const CONSUMER = `
import { type Emulator, type FaultRule, startTelegram } from 'telegram-emulator'

const telegram: Emulator = await startTelegram({ settings: { latencyMs: 1 } })
const rule: FaultRule = { method: 'upload.*', effect: { kind: 'silence' } }
const id: number = telegram.faults.add(rule)
const { port }: { port: number } = telegram.mtproto
await telegram.close()
console.log(JSON.stringify({ id, hasPort: port > 0 }))
`

test('the packed package works in an empty folder: as a command, and by import with its types', async () => {
  const folder = await install()

  for (const [module, moduleResolution] of [
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ] as const) {
    await writeFile(join(folder, 'tsconfig.json'), tsconfig(module, moduleResolution))
    await run(process.execPath, [tsc, '-p', folder])
  }
  const { stdout } = await run(process.execPath, [join(folder, 'out/consumer.js')])
  // Not by npx: ended by a signal, it may leave behind what it runs.
  const command = join(folder, 'node_modules/.bin/telegram-emulator')
  const started = await startChild({ command, args: [], cwd: folder })

  expect(JSON.parse(stdout)).toEqual({ id: 1, hasPort: true })
  expect(started).toMatchObject({
    mtproto: { host: '127.0.0.1', publicKeyPem: expect.stringContaining('RSA PUBLIC KEY') },
    botApi: { root: expect.stringMatching(/^http:/) },
    control: { root: expect.stringMatching(/^http:/) },
    account: { botToken: expect.any(String), session: expect.any(String) },
  })
})

test('the command explains itself, and refuses options that it does not know', async () => {
  const main = join(root, 'src/main.ts')

  const { stdout } = await run(process.execPath, [main, '--help'])

  expect(stdout).toMatch(/^Usage: telegram-emulator/)
  await expect(run(process.execPath, [main, '--nonsense'])).rejects.toMatchObject({ code: 2 })
  await expect(run(process.execPath, [main, '--base-port', '40000'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--base-port'),
  })
})

/** Packs the package and installs it in an empty folder, from npm's cache where it has everything. */
async function install(): Promise<string> {
  const folder = await makeTempDir()
  await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: root })
  const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const packed = `./telegram-emulator-${version}.tgz`
  const { stdout: files } = await run('tar', ['-tzf', packed], { cwd: folder })
  expect(
    files
      .split('\n')
      .filter((file) => !file.startsWith('package/dist/'))
      .sort(),
  ).toEqual([...['', 'package/LICENSE', 'package/README.md', 'package/package.json']])
  await writeFile(join(folder, 'package.json'), '{"private":true,"type":"module"}')
  await writeFile(join(folder, 'consumer.ts'), CONSUMER)
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...quiet, packed], { cwd: folder })
  return folder
}

/** Without types of Node, and with every declaration checked. */
const tsconfig = (module: string, moduleResolution: string): string =>
  JSON.stringify({
    compilerOptions: {
      ...{ target: 'es2024', lib: ['es2024', 'dom'], types: [], module, moduleResolution },
      ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false, outDir: 'out' },
    },
    include: ['consumer.ts'],
  })
