import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

const run = promisify(execFile)

/** What a build and `npm pack` need. */
const SOURCES = [
  ...['package.json', 'README.md', 'LICENSE', 'tsconfig.json', 'tsconfig.build.json'],
  ...['vite.config.ts', 'scripts', 'src', 'native', 'packages'],
]

/**
 * Copies this repository into `folder`, with the installed packages by links. A build there leaves
 * alone the `dist` folders that other tests use at the same time.
 */
export async function cloneRepository(folder: string): Promise<void> {
  await mkdir(folder)
  const filter = (path: string): boolean => !/[\\/](dist|node_modules|test)$/.test(path)
  for (const name of SOURCES) {
    await cp(join(ROOT, name), join(folder, name), { recursive: true, filter })
  }
  const modules = join(folder, 'node_modules')
  await mkdir(modules)
  // The build writes into `.bin`, so that is a copy.
  const bin = { recursive: true, verbatimSymlinks: true }
  await cp(join(ROOT, 'node_modules/.bin'), join(modules, '.bin'), bin)
  const packages = ['aes-ige-native', 'telestore-client', 'telegram-emulator']
  for (const name of await readdir(join(ROOT, 'node_modules'))) {
    if (name.startsWith('.') || packages.includes(name)) continue
    await symlink(join(ROOT, 'node_modules', name), join(modules, name))
  }
  await symlink(join(folder, 'native'), join(modules, 'aes-ige-native'))
  await symlink(join(folder, 'packages/client'), join(modules, 'telestore-client'))
  await symlink(join(folder, 'packages/telegram-emulator'), join(modules, 'telegram-emulator'))
}

/** Runs `npm pack` with these arguments in a clone. Returns the paths of the packed files. */
export async function pack(clone: string, ...args: string[]): Promise<string[]> {
  const { stdout } = await run('npm', ['pack', '--json', ...args], { cwd: clone })
  // What scripts print comes before the list.
  const packed = JSON.parse(stdout.slice(stdout.indexOf('[\n')))
  return packed.map(({ filename }: { filename: string }) => join(clone, filename))
}

/** Installs packed files in a new folder, as the program of a stranger would. */
export async function installPacked(folder: string, packed: readonly string[]): Promise<void> {
  await mkdir(folder)
  await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  // The cache of npm has what `npm ci` has brought.
  const options = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
  await run('npm', ['install', ...options, ...packed], { cwd: folder })
}
