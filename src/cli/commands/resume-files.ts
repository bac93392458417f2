import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ResumeStore } from 'telestore-client'
import type { Env } from '../context.ts'

const KEEP_MS = 7 * 24 * 3_600_000

/** The cache folder of the operating system. */
export function cacheFolder(env: Env, platform: string = process.platform): string {
  const home = homedir()
  const root =
    env.XDG_CACHE_HOME ||
    (platform === 'darwin' && join(home, 'Library', 'Caches')) ||
    (platform === 'win32' && (env.LOCALAPPDATA || join(home, 'AppData', 'Local'))) ||
    join(home, '.cache')
  return join(root, 'telestore-worker')
}

/**
 * A resume store with one file for each upload, so that two commands at once do not overwrite each
 * other's. Only the owner may read the files, because an uploadId gives access to its upload. When a
 * file cannot be written, the upload starts over next time.
 */
export function createResumeFiles(folder: string): ResumeStore {
  const pathOf = (key: string): string =>
    join(folder, `${createHash('sha256').update(key).digest('hex').slice(0, 32)}.json`)

  return {
    get: async (key) => {
      const text = await readFile(pathOf(key), 'utf8').catch(() => '')
      const [, uploadId] = /^\{"uploadId":"([\w-]{1,128})"\}\s*$/.exec(text) ?? []
      return uploadId ?? null
    },
    set: async (key, uploadId) => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        await removeOld(folder)
        await writeFile(pathOf(key), JSON.stringify({ uploadId }), { mode: 0o600 })
      } catch {
        // The upload then starts over next time.
      }
    },
    delete: async (key) => {
      await rm(pathOf(key), { force: true }).catch(() => {})
    },
  }
}

/** Removes entries that were not used for a week. */
export async function removeOld(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name)
    const { mtimeMs } = await stat(path)
    if (/\.jsonl?$/.test(name) && Date.now() - mtimeMs > KEEP_MS) await rm(path, { force: true })
  }
}
