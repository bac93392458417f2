import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { UploadResult, UploadSource } from 'telestore-client'
import { removeOld } from './resume-files.ts'

/** The files that a command has sent, so that the same command resumes after an interruption. */
export interface SentFiles {
  /** Returns the result of a file that an earlier run has sent, if it has not changed since. */
  find: (path: string, source: UploadSource) => UploadResult | null
  add: (path: string, source: UploadSource, result: UploadResult) => Promise<void>
  /** Called at the end: the same command then sends everything again. */
  forget: () => Promise<void>
}

/**
 * Opens the list of one command. `identity` tells the command from others: the worker, the token, and
 * the named files. The list gets a line for each file that is in Telegram. A line that cannot be
 * written is skipped.
 */
export async function openSentFiles(folder: string, identity: unknown[]): Promise<SentFiles> {
  const path = join(folder, `${digestOf(identity)}.jsonl`)
  const text = await readFile(path, 'utf8').catch(() => '')
  const known = new Map(text.split('\n').flatMap(parseLine))

  return {
    find: (file, source) => known.get(keyOf(file, source)) ?? null,
    add: async (file, source, result) => {
      try {
        await mkdir(folder, { recursive: true, mode: 0o700 })
        if (known.size === 0) await removeOld(folder)
        const key = keyOf(file, source)
        known.set(key, result)
        await appendFile(path, `${JSON.stringify([key, result])}\n`, { mode: 0o600 })
      } catch {
        // The file is then sent again by the next run.
      }
    },
    forget: () => rm(path, { force: true }).catch(() => {}),
  }
}

function keyOf(path: string, { size, lastModified }: UploadSource): string {
  return digestOf([resolve(path), size, lastModified])
}

function digestOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32)
}

/** Skips half a line, which a process leaves that ends while it writes. */
function parseLine(line: string): [string, UploadResult][] {
  try {
    const [key, result] = JSON.parse(line) as [string, UploadResult]
    return typeof result.messageId === 'number' ? [[key, result]] : []
  } catch {
    return []
  }
}
