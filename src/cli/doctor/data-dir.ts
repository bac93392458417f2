import { randomUUID } from 'node:crypto'
import { rm, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { lockDataDir } from '../../storage/disk/data-dir-lock.ts'
import { sentenceOf } from '../failure.ts'
import { formatBytes } from '../terminal/bars.ts'
import type { Visit } from './check.ts'

export interface DataDirVisit {
  /** Whether another process, most likely a worker, keeps the folder. */
  inUse: boolean
  /** Until then no worker starts on the folder. */
  release: () => void
}

/** Less than this does not even take one large file's beginning. */
const LEAST_BYTES = 256 * 1024 * 1024
const CHECK = 'DATA_DIR'

/** Whether the folder can be written, has room, and is nobody else's now. */
export async function checkDataDir(visit: Visit): Promise<DataDirVisit> {
  const { dataDir } = visit.config
  const nobody = { inUse: false, release: () => {} }
  try {
    const release = await tryLock(dataDir)
    await checkWritable(dataDir)
    await checkRoom(visit)
    checkShare(visit)
    if (release) return { inUse: false, release }
    visit.report({ verdict: 'note', check: CHECK, text: 'a worker uses it at this moment' })
    return { ...nobody, inUse: true }
  } catch (error) {
    visit.report({
      verdict: 'failed',
      check: CHECK,
      text: `${dataDir} cannot be used: ${sentenceOf(error)}`,
      advice: 'Name a folder that the user of the worker may write to, on a disk that stays.',
    })
    return nobody
  }
}

/** Null when another process has it. */
async function tryLock(directory: string): Promise<(() => void) | null> {
  const waiting = new AbortController()
  const busy = (): void => waiting.abort()
  const quiet = (): void => {}
  // The lock says that it is taken before it waits.
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

/** Of a spool that one user may fill, the others have nothing. */
function checkShare({ config, report }: Visit): void {
  const { mode, maxBytesPerUser, spoolMaxBytes } = config
  const alone = mode.kind === 'standalone' && new Set(mode.tokens).size === 1
  if (alone || maxBytesPerUser < spoolMaxBytes) return
  report({
    verdict: 'note',
    check: 'MAX_BYTES_PER_USER',
    text: `one user may reserve all of SPOOL_MAX_BYTES (${formatBytes(spoolMaxBytes)})`,
    advice: 'Leave it unset, which is half, or set SPOOL_MAX_BYTES to twice MAX_FILE_SIZE or more.',
  })
}

async function checkRoom({ config, report }: Visit): Promise<void> {
  const { bavail, bsize } = await statfs(config.dataDir)
  const free = bavail * bsize
  const text = `${config.dataDir} can be written, ${formatBytes(free)} are free`
  if (free >= config.spoolMaxBytes) return report({ verdict: 'ok', check: CHECK, text })
  const wanted = formatBytes(config.spoolMaxBytes)
  report({
    verdict: free < LEAST_BYTES ? 'failed' : 'note',
    check: CHECK,
    text,
    advice: `Uploads may reserve ${wanted}. Set SPOOL_MAX_BYTES to less than what is free, or make room.`,
  })
}
