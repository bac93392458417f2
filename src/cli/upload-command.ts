import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { TeleStoreError, type UploadResult } from '../client/client.ts'
import { openFile } from '../client/node.ts'
import { printable } from '../lib/printable.ts'
import type { CommandOf } from './arguments.ts'
import { formatBytes, formatSeconds } from './bars.ts'
import { LocalFailure, sentenceOf } from './failure.ts'
import { createUploadReporter } from './reporter.ts'
import { cacheFolder, createResumeFiles } from './resume-files.ts'
import type { Session } from './run.ts'

/** What fails for one file for these reasons fails for all. */
const FOR_ALL = new Set(['NETWORK', 'TOKEN_REFUSED', 'TOKEN_MISSING', 'TELEGRAM_NOT_CONFIGURED'])

/** Sends the files one after another; 1 when any of them has failed. */
export async function upload(command: CommandOf<'upload'>, session: Session): Promise<number> {
  const { screen, signal } = session
  // Nothing is sent before it is clear that all are there.
  for (const path of command.files) await assertFile(path)
  let failed = 0
  for (const [index, path] of command.files.entries()) {
    try {
      await uploadOne(command, session, path)
    } catch (error) {
      signal.throwIfAborted()
      failed++
      tellFailure(command, session, path, error)
      const left = command.files.length - index - 1
      if (left > 0 && error instanceof TeleStoreError && FOR_ALL.has(error.code)) {
        screen.say(`${left} more not tried`)
        break
      }
    }
  }
  return failed > 0 ? 1 : 0
}

async function uploadOne(
  command: CommandOf<'upload'>,
  { client, screen, env, signal }: Session,
  path: string,
): Promise<void> {
  const source = await openFile(path)
  const reporter = createUploadReporter(screen)
  const startedAt = Date.now()
  const job = client.upload(source, {
    signal,
    parallel: command.parallel,
    resumeStore: command.resume ? createResumeFiles(join(cacheFolder(env), 'uploads')) : null,
    ...(command.fileName !== null && { fileName: command.fileName }),
    onProgress: (progress) => {
      const over = ['completed', 'failed', 'cancelled'].includes(progress.phase)
      if (!command.quiet && !over) reporter.tell(progress)
    },
  })
  // The chunks on their way are let go of before the process ends.
  const result = await job.done.finally(reporter.end)
  screen.print(command.json ? jsonOf(path, result) : lineOf(result, Date.now() - startedAt))
}

function tellFailure(
  { json }: CommandOf<'upload'>,
  { screen }: Session,
  path: string,
  error: unknown,
): void {
  const code = error instanceof TeleStoreError ? error.code : 'LOCAL'
  if (json) screen.print(JSON.stringify({ file: path, ok: false, error: sentenceOf(error), code }))
  else screen.say(`${printable(path)}: ${sentenceOf(error)}`)
}

function jsonOf(path: string, result: UploadResult): string {
  return JSON.stringify({ file: path, ok: true, ...result })
}

function lineOf({ fileName, size, messageId }: UploadResult, ms: number): string {
  const took = formatSeconds(ms / 1000)
  return `${printable(fileName)}: message ${messageId} (${formatBytes(size)} in ${took})`
}

async function assertFile(path: string): Promise<void> {
  const found = await stat(path)
  if (found.isDirectory()) {
    throw new LocalFailure(`${path} is a folder: name its files, such as ${join(path, '*')}`)
  }
  if (!found.isFile()) throw new LocalFailure(`${path} is not a file on a disk`)
}
