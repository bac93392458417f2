import { createHash } from 'node:crypto'
import { appendFile, mkdir, readFile, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { UploadResult, UploadSource } from 'telestore-client'
import { removeOld } from './resume-files.ts'

/** What one command has sent, so that the same command goes on after it was broken off. */
export interface SentFiles {
  /** The result of a file that an earlier try has sent, if it has not changed since. */
  find: (path: string, source: UploadSource) => UploadResult | null
  add: (path: string, source: UploadSource, result: UploadResult) => Promise<void>
  /** All is done: the same command is a new one from now on. */
  forget: () => Promise<void>
}

/**
 * Opens the notes of a command, which `identity` tells from others: the worker, the token, and what
 * is to be sent. A line for each file, appended once it is in Telegram. What cannot be written is
 * left out.
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
        // Only the convenience is lost.
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

/** A process that died while it wrote leaves half a line. */
function parseLine(line: string): [string, UploadResult][] {
  try {
    const [key, result] = JSON.parse(line) as [string, UploadResult]
    return typeof result.messageId === 'number' ? [[key, result]] : []
  } catch {
    return []
  }
}
