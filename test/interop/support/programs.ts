import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

/** Programs, where Debian puts them, and the package they come in; .ci/run installs these. */
const PROGRAMS = {
  curl: { path: '/usr/bin/curl', debianPackage: 'curl' },
  wget: { path: '/usr/bin/wget', debianPackage: 'wget' },
  aria2c: { path: '/usr/bin/aria2c', debianPackage: 'aria2' },
  ffmpeg: { path: '/usr/bin/ffmpeg', debianPackage: 'ffmpeg' },
  ffprobe: { path: '/usr/bin/ffprobe', debianPackage: 'ffmpeg' },
  chromium: { path: '/usr/bin/chromium', debianPackage: 'chromium' },
  openssl: { path: '/usr/bin/openssl', debianPackage: 'openssl' },
  nginx: { path: '/usr/sbin/nginx', debianPackage: 'nginx' },
  caddy: { path: '/usr/bin/caddy', debianPackage: 'caddy' },
  haproxy: { path: '/usr/sbin/haproxy', debianPackage: 'haproxy' },
  unzip: { path: '/usr/bin/unzip', debianPackage: 'unzip' },
  '7zz': { path: '/usr/bin/7zz', debianPackage: '7zip' },
  bsdtar: { path: '/usr/bin/bsdtar', debianPackage: 'libarchive-tools' },
  python3: { path: '/usr/bin/python3', debianPackage: 'python3' },
} as const

export type Program = keyof typeof PROGRAMS

/** Its path; a test without its program fails, because skipping it would look like passing. */
export async function findProgram(program: Program): Promise<string> {
  const { path, debianPackage } = PROGRAMS[program]
  try {
    await access(path, constants.X_OK)
  } catch (cause) {
    const advice = `install the Debian package ${debianPackage}`
    throw new Error(`${path} is not on this machine: ${advice}`, { cause })
  }
  return path
}

/** Without proxies, and with a home in which no settings lie. */
export function plainEnvironment(home: string): Record<string, string> {
  return { PATH: '/usr/bin:/bin', HOME: home, LANG: 'C.UTF-8' }
}

/** Runs it to its end, at the latest the test's, and resolves with its stdout; throws when it fails. */
export async function run(
  program: Program,
  args: string[],
  { home, input }: { home: string; input?: Buffer },
): Promise<Buffer> {
  const child = spawn(await findProgram(program), args, {
    cwd: home,
    env: plainEnvironment(home),
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  // A program may end without having read all of it.
  child.stdin.on('error', () => {}).end(input)
  const [output, errors, [exitCode]] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ])
  if (exitCode !== 0) throw new Error(`${program} ended with ${exitCode}: ${errors}${output}`)
  return output
}

/**
 * The Node of this machine, Node 20.3 or newer: the first one in PATH that no package has brought. On a
 * machine without one it is the Node that runs the tests.
 */
export async function findNode(): Promise<{ path: string; version: string }> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder.includes('node_modules')) continue
    const path = join(folder, 'node')
    const { stdout } = await promisify(execFile)(path, ['--version']).catch(() => ({ stdout: '' }))
    const [, major = 0, minor = 0] = (/^v(\d+)\.(\d+)/.exec(stdout) ?? []).map(Number)
    if (major > 20 || (major === 20 && minor >= 3)) return { path, version: stdout.trim() }
  }
  return { path: process.execPath, version: process.version }
}
