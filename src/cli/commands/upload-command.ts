import { dirname, join, relative, resolve, sep } from 'node:path'
import { TeleStoreError, type UploadResult } from 'telestore-client'
import { openFile } from 'telestore-client/node'
import { printable } from '../../lib/printable.ts'
import { type CommandOf, UsageError } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { FOR_ALL, reasonOf } from '../failure.ts'
import { formatBytes, formatSeconds } from '../terminal/bars.ts'
import { createUploadReporter } from '../terminal/reporter.ts'
import { type Found, lookAt, walk } from './find-files.ts'
import { cacheFolder, createResumeFiles } from './resume-files.ts'
import { openSentFiles, type SentFiles } from './sent-files.ts'
import { createUploadTally, type UploadTally } from './upload-tally.ts'

interface Upload extends CommandContext {
  command: CommandOf<'upload'>
  sent: SentFiles
  tally: UploadTally
  /** A folder may have thousands of files, so each gets fewer lines. */
  hasFolder: boolean
  /** The other files are not tried, because they would fail as well. */
  isOver: boolean
}

/** Sends files, and all files in folders, one after another. Returns 1 when any of them has failed. */
export async function upload(
  command: CommandOf<'upload'>,
  context: CommandContext,
): Promise<number> {
  const { signal, screen } = context
  const named = await lookAt(command.files, command)
  const hasFolder = named.some(({ kind }) => kind === 'folder')
  if (hasFolder && command.fileName !== null) {
    throw new UsageError('--file-name: the files of a folder cannot have one name')
  }
  const tally = createUploadTally()
  const sent = await openSent(command, context)
  const upload: Upload = { ...context, command, tally, sent, hasFolder, isOver: false }
  for (const found of named) {
    if (found.kind !== 'folder') await take(upload, found)
    else
      for await (const inside of walk(found.path, command)) await take(upload, inside, found.path)
    signal.throwIfAborted()
  }
  const { failed, leftOut } = tally.counts
  if (failed === 0) await sent.forget()
  const isMany = hasFolder || named.length > 1
  if (isMany && !command.json) for (const line of tally.summary()) screen.say(line)
  const isPartly = Object.values(leftOut).some((count) => count > 0)
  if ((hasFolder || isPartly) && command.json)
    screen.print(JSON.stringify({ summary: tally.counts }))
  return failed > 0 ? 1 : 0
}

async function openSent(
  { files, fileName, folder: target, resume }: CommandOf<'upload'>,
  { env, url, token }: CommandContext,
): Promise<SentFiles> {
  const folder = join(cacheFolder(env), 'commands')
  const place = target === null ? [] : [target]
  const list = await openSentFiles(folder, [
    ...[url, token, process.cwd(), files, fileName, ...place],
  ])
  if (resume) return list
  await list.forget()
  return { find: () => null, add: async () => {}, forget: async () => {} }
}

/** Sends what was found, in the named folder `root`, if it is a file, and counts how it ended. */
async function take(upload: Upload, found: Found, root: string | null = null): Promise<void> {
  const { command, signal, tally } = upload
  signal.throwIfAborted()
  if (found.kind === 'left-out') return tally.leaveOut(found.why)
  if (upload.isOver) return tally.leaveUntried()
  const { path } = found
  try {
    if (found.kind === 'failed') throw found.error
    const { result, ms } = await send(upload, path, root)
    if (ms === null) tally.sentBefore()
    else tally.sent()
    if (command.json) print(upload, { file: path, ok: true, ...result })
    else if (ms !== null) upload.screen.print(lineOf(upload, path, result, ms))
  } catch (error) {
    signal.throwIfAborted()
    const reason = reasonOf(error)
    const code = error instanceof TeleStoreError ? error.code : 'LOCAL'
    tally.failed(path, reason)
    if (command.json) print(upload, { file: path, ok: false, error: reason, code })
    else upload.screen.say(`${printable(path)}: ${reason}`)
    upload.isOver = FOR_ALL.has(code)
  }
}

/** Resolves with the result and its time. The time is null when an earlier run of this command has sent the file. */
async function send(
  { command, client, screen, env, signal, sent, hasFolder }: Upload,
  path: string,
  root: string | null,
): Promise<{ result: UploadResult; ms: number | null }> {
  const source = await openFile(path)
  const before = sent.find(path, source)
  if (before) return { result: before, ms: null }
  const reporter = createUploadReporter(screen, {
    title: command.fileName ?? path,
    isOneOfMany: hasFolder,
  })
  const startedAt = Date.now()
  const job = client.upload(source, {
    signal,
    parallel: command.parallel,
    resumeStore: command.resume ? createResumeFiles(join(cacheFolder(env), 'uploads')) : null,
    ...(command.fileName !== null && { fileName: command.fileName }),
    ...(command.folder !== null && { folder: folderOf(command.folder, path, root) }),
    ...(command.onConflict !== null && { onConflict: command.onConflict }),
    onProgress: (progress) => {
      const over = ['completed', 'failed', 'cancelled'].includes(progress.phase)
      if (!command.quiet && !over) reporter.tell(progress)
    },
  })
  const result = await job.done.finally(reporter.end)
  await sent.add(path, source, result)
  return { result, ms: Date.now() - startedAt }
}

/** The folder of the library for a file, which keeps the folders from the named one down. */
function folderOf(folder: string, path: string, root: string | null): string {
  if (root === null) return folder
  const inside = relative(dirname(resolve(root)), dirname(resolve(path)))
  return [folder.replace(/\/$/, ''), ...inside.split(sep)].join('/')
}

function print({ screen }: Upload, result: object): void {
  screen.print(JSON.stringify(result))
}

function lineOf(
  { command }: Upload,
  path: string,
  { size, messageId }: UploadResult,
  ms: number,
): string {
  const name = printable(command.fileName ?? path)
  return `${name}: message ${messageId} (${formatBytes(size)} in ${formatSeconds(ms / 1000)})`
}
