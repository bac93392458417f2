import { randomUUID } from 'node:crypto'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { MiB } from '../../lib/units.ts'
import { lockDataDir } from '../../storage/disk/data-dir-lock.ts'
import { sentenceOf } from '../failure.ts'
import { formatBytes } from '../terminal/bars.ts'
import type { DoctorContext } from './check.ts'

export interface DataDirCheck {
  /** Whether another process, most likely a worker, has locked the folder. */
  inUse: boolean
  /** Unlocks the folder. Until then no worker starts on it. */
  release: () => void
}

/** With less than this free, the check fails. */
const LEAST_BYTES = 256 * MiB
const CHECK = 'DATA_DIR'

/** Checks that the folder can be written, has free space, and is not in use; locks it for the other checks. */
export async function checkDataDir(context: DoctorContext): Promise<DataDirCheck> {
  const { dataDir } = context.config
  const notLocked = { release: () => {} }
  try {
    const release = await tryLock(dataDir)
    await checkWritable(dataDir)
    await checkFreeSpace(context)
    checkShare(context)
    checkVolumes(context)
    if (release) return { inUse: false, release }
    context.report({ verdict: 'note', check: CHECK, text: 'a worker uses it at this moment' })
    return { ...notLocked, inUse: true }
  } catch (error) {
    context.report({
      verdict: 'failed',
      check: CHECK,
      text: `${dataDir} cannot be used: ${sentenceOf(error)}`,
      advice: 'Name a folder that the user of the worker may write to, on a disk that stays.',
    })
    return { ...notLocked, inUse: false }
  }
}

/** Resolves with null when another process has locked it. */
async function tryLock(directory: string): Promise<(() => void) | null> {
  const waiting = new AbortController()
  const busy = (): void => waiting.abort()
  const quiet = (): void => {}
  // `lockDataDir` logs that the lock is taken before it waits for it.
  const log = { debug: quiet, info: busy, warn: quiet, error: quiet }
  try {
    return await lockDataDir(directory, { signal: waiting.signal, log })
  } catch (error) {
    if (waiting.signal.aborted) return null
    throw error
  }
}

async function checkWritable(directory: string): Promise<void> {
  const path = join(directory, `doctor-${randomUUID()}`)
  try {
    await writeFile(path, 'written by telestore-worker doctor', { flag: 'wx' })
  } finally {
    await rm(path, { force: true })
  }
}

/** Warns when one user may fill the whole spool. */
function checkShare({ config, report }: DoctorContext): void {
  const { mode, maxBytesPerUser, spoolMaxBytes } = config
  const alone = mode.kind === 'standalone' && new Set(mode.tokens).size === 1
  if (alone || maxBytesPerUser < spoolMaxBytes) return
  report({
    verdict: 'note',
    check: 'MAX_BYTES_PER_USER',
    text: `one user may reserve all of SPOOL_MAX_BYTES (${formatBytes(spoolMaxBytes)})`,
    advice: 'Leave it unset, which is half.',
  })
}

/** Warns when one large file keeps all other files of its user waiting. */
function checkVolumes({ config, report }: DoctorContext): void {
  const { volumeBytes, maxBytesPerUser, spoolMaxBytes } = config
  const room = Math.min(maxBytesPerUser, spoolMaxBytes)
  if (room >= 3 * volumeBytes) return
  report({
    verdict: 'note',
    check: 'VOLUME_BYTES',
    text: `a large file takes all of the ${formatBytes(room)} that its user has on the disk`,
    advice: `Set it to a quarter of that, or raise SPOOL_MAX_BYTES: volumes are at most ${formatBytes(volumeBytes)}.`,
  })
}

async function checkFreeSpace({ config, report }: DoctorContext): Promise<void> {
  const { bavail, bsize } = await statfs(config.dataDir)
  const free = bavail * bsize
  const text = `${config.dataDir} can be written, ${formatBytes(free)} are free`
  const { cluster, spoolMaxBytes } = config
  // A node of a cluster keeps only copies there, and what is on its way.
  const [most, name] = cluster
    ? [cluster.cacheBytes, 'CLUSTER_CACHE_BYTES']
    : [spoolMaxBytes, 'SPOOL_MAX_BYTES']
  if (free >= most) return report({ verdict: 'ok', check: CHECK, text })
  const wanted = formatBytes(most)
  report({
    verdict: free < LEAST_BYTES ? 'failed' : 'note',
    check: CHECK,
    text,
    advice: `It may take ${wanted}. Set ${name} to less than what is free, or make room.`,
  })
}
