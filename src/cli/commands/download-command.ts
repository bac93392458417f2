import type { ArchiveContent } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { chooseTarget } from '../target.ts'
import { formatBytes, formatSeconds } from '../terminal/bars.ts'
import { findThing } from './find-thing.ts'
import { receive, type Saved, type Saving, saveFile } from './save-file.ts'

/** Downloads the file of a message, to a file or to standard output. */
export async function download(
  command: CommandOf<'download'>,
  context: CommandContext,
): Promise<number> {
  const { messageId, range, fileName, fileId } = command
  const options = {
    signal: context.signal,
    ...(range && { range }),
    ...(fileName !== null && { fileName }),
    ...(fileId !== null && { fileId }),
  }
  return bring(command, context, {
    open: (rest) => context.client.download(messageId, { ...options, ...rest }),
    name: `file-${messageId}`,
    facts: ({ mimeType, sha256 }) => ({ messageId, mimeType, sha256 }),
  })
}

/** Downloads a folder, or several files, as one ZIP file. */
export async function downloadZip(
  command: CommandOf<'download-zip'>,
  context: CommandContext,
): Promise<number> {
  const content = await contentOf(command.sources, context)
  const { signal, client } = context
  const options = { signal, ...(command.fileName !== null && { fileName: command.fileName }) }
  return bring(command, context, {
    open: (rest) => client.downloadArchive(content, { ...options, ...rest }),
    name: 'archive.zip',
    facts: () => content,
  })
}

async function contentOf(
  sources: readonly string[],
  context: CommandContext,
): Promise<ArchiveContent> {
  const [path = ''] = sources
  if (!path.startsWith('/')) return { items: sources.map(Number) }
  if (path === '/') return { folder: path }
  const thing = await findThing(path, context)
  return thing.kind === 'folder' ? { folder: path } : { items: [thing.file.messageId] }
}

interface Brought {
  open: Saving['open']
  /** What it is called where nothing else gives it a name. */
  name: string
  /** What the line of JSON says beside what all of them say. */
  facts: (answer: Saved['answer']) => object
}

async function bring(
  command: CommandOf<'download' | 'download-zip'>,
  context: CommandContext,
  { open, name, facts }: Brought,
): Promise<number> {
  const { output, fileName, force, quiet } = command
  if (output === '-') {
    const answer = await open({})
    const shown = answer.fileName ?? name
    const { write: take } = context.screen
    await receive(context, { answer, name: shown, before: 0, take, quiet })
    return 0
  }
  const startedAt = Date.now()
  const saved = await saveFile(context, {
    open,
    targetFor: (answer) => chooseTarget(output, fileName ?? answer.fileName ?? name),
    force,
    quiet,
  })
  const { target: file, bytes } = saved
  const { size, etag } = saved.answer
  context.screen.print(
    command.json
      ? JSON.stringify({ ok: true, ...facts(saved.answer), file, bytes, size, etag })
      : lineOf(saved, Date.now() - startedAt),
  )
  return 0
}

/** What a person is told of a file that is here. */
export function lineOf({ target, bytes, before }: Saved, ms: number): string {
  const kept = before > 0 ? `, ${formatBytes(before)} of it here before` : ''
  return `${printable(target)}: ${formatBytes(bytes)} in ${formatSeconds(ms / 1000)}${kept}`
}
