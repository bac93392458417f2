import { execFileSync } from 'node:child_process'
import { type FileHandle, mkdir, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'

/** The least that a tmpfs gives. */
const PAGE = 4096

/** A disk of the test's own, which is gone with it. */
export interface SmallDisk {
  directory: string
  /** A neighbour takes all the room there is, but for so many bytes. */
  fill: (butFor?: number) => Promise<void>
  /** The neighbour gives its room back. */
  clear: () => Promise<void>
  /** Only while nothing on it is open for writing: so the system has it. */
  makeReadOnly: () => void
  makeWritable: () => void
}

/** Mounts a tmpfs of so many bytes at `at`, or at a folder of its own. */
export async function mountSmallDisk(bytes: number, at?: string): Promise<SmallDisk> {
  const directory = at ?? (await mkdtemp(join(tmpdir(), 'telestore-small-')))
  await mkdir(directory, { recursive: true })
  mount('-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', directory)
  onTestFinished(async () => {
    run('umount', '--lazy', directory)
    if (at === undefined) await rm(directory, { recursive: true })
  })
  return {
    directory,
    fill: async (butFor = 0) => {
      const filler = await open(join(directory, 'filler'), 'w')
      try {
        // A write that comes meanwhile leaves even less space, which is as good.
        for (let size = MiB; size >= PAGE; size /= 4) await writeUntilFull(filler, size)
        if (butFor > 0) await filler.truncate((await filler.stat()).size - butFor)
      } finally {
        await filler.close()
      }
    },
    clear: () => rm(join(directory, 'filler')),
    makeReadOnly: () => mount('-o', 'remount,ro', directory),
    makeWritable: () => mount('-o', 'remount,rw', directory),
  }
}

/** A disk on which every write can be made to wait. */
export interface FreezingDisk {
  freeze: () => void
  thaw: () => void
}

/** Mounts an ext4 of 64 MB at `at`: the system can freeze it, as a hanging disk would. */
export async function mountFreezingDisk(at: string): Promise<FreezingDisk> {
  const folder = await mkdtemp(join(tmpdir(), 'telestore-freezing-'))
  const image = join(folder, 'image')
  await writeFile(image, '')
  await truncate(image, 64 * MiB)
  run('mkfs.ext4', '-q', image)
  await mkdir(at, { recursive: true })
  mount('-o', 'loop', image, at)
  let frozen = false
  function thaw(): void {
    if (frozen) run('fsfreeze', '--unfreeze', at)
    frozen = false
  }
  onTestFinished(async () => {
    thaw()
    run('umount', '--lazy', at)
    await rm(folder, { recursive: true })
  })
  return {
    freeze: () => {
      run('fsfreeze', '--freeze', at)
      frozen = true
    },
    thaw,
  }
}

/** Whether this process may mount, as root outside of most sandboxes may. */
export const canMount = await tryMount(async (at) => mount('-t', 'tmpfs', 'tmpfs', at))
/** Whether it may also mount an image and freeze it. */
export const canFreeze = canMount && (await tryMount(mountAndFreeze))

async function mountAndFreeze(at: string): Promise<void> {
  const image = `${at}.image`
  await writeFile(image, '')
  await truncate(image, 8 * MiB)
  run('mkfs.ext4', '-q', image)
  mount('-o', 'loop', image, at)
  try {
    run('fsfreeze', '--freeze', at)
    run('fsfreeze', '--unfreeze', at)
  } catch (error) {
    run('umount', at)
    throw error
  }
}

async function tryMount(how: (at: string) => Promise<void>): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), 'telestore-mount-'))
  const at = join(folder, 'here')
  await mkdir(at)
  try {
    await how(at)
    run('umount', at)
    return true
  } catch {
    return false
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function writeUntilFull(file: FileHandle, size: number): Promise<void> {
  const piece = Buffer.alloc(size)
  try {
    while ((await file.write(piece)).bytesWritten === size) {}
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
}

function mount(...options: string[]): void {
  run('mount', ...options)
}

function run(program: string, ...options: string[]): string {
  return execFileSync(program, options, { stdio: ['ignore', 'pipe', 'ignore'] }).toString()
}
