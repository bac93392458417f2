import type { TransferProgress } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { LocalFailure } from '../failure.ts'
import { findThing, isFolder, splitPath, type Thing } from './find-thing.ts'

/** Files of one request. */
const AT_ONCE = 1_000

/** Renames one thing, or moves several into a folder. */
export async function move(command: CommandOf<'mv'>, context: CommandContext): Promise<number> {
  const { sources, target } = command
  const { client, signal } = context
  const things = await findAll(sources, context)
  const [only] = things
  if (only && things.length === 1 && !(await isFolder(target, context))) {
    const path = splitPath(target)
    if (only.kind === 'folder') await client.library.moveFolder(only.path, target, { signal })
    else {
      const place = { fileName: path.name, folder: path.folder }
      await client.library.place(only.file.messageId, place, { signal })
    }
    return say(command, context, `${sources[0]} is ${target} now`)
  }
  for (const thing of things) {
    if (thing.kind === 'file') continue
    const path = `${target.replace(/\/$/, '')}/${splitPath(thing.path).name}`
    await client.library.moveFolder(thing.path, path, { signal })
  }
  const ids = things.flatMap((thing) => (thing.kind === 'file' ? thing.file.messageId : []))
  await inJobs(ids, context, (some) => client.library.move(some, target, { signal }))
  return say(command, context, `${things.length} moved to ${target}`)
}

/** Copies files into a folder, which is made where it is missing. */
export async function copy(command: CommandOf<'cp'>, context: CommandContext): Promise<number> {
  const { sources, target } = command
  const { client, signal } = context
  const things = await findAll(sources, context)
  const ids = things.map((thing) => {
    if (thing.kind === 'file') return thing.file.messageId
    throw new LocalFailure(`${thing.path}: it is a folder, and only files are copied`)
  })
  await inJobs(ids, context, (some) => client.library.copy(some, target, { signal }))
  return say(command, context, `${ids.length} copied to ${target}`)
}

/** Deletes files and folders in Telegram; a folder that is not empty only where it was said so. */
export async function remove(command: CommandOf<'rm'>, context: CommandContext): Promise<number> {
  const { sources, recursive } = command
  const { client, signal } = context
  // All of them are found before the first one is deleted.
  const things = await findAll(sources, context)
  for (const thing of things) {
    if (thing.kind === 'file') continue
    const job = await client.library.deleteFolder(thing.path, { signal, recursive })
    if (job) await follow(job, context)
  }
  const ids = things.flatMap((thing) => (thing.kind === 'file' ? thing.file.messageId : []))
  await inJobs(ids, context, (some) => client.library.deleteItems(some, { signal }))
  return say(command, context, `${things.length} deleted`)
}

export async function makeFolders(
  command: CommandOf<'mkdir'>,
  context: CommandContext,
): Promise<number> {
  const { client, screen, signal } = context
  for (const path of command.folders) {
    const folder = await client.library.makeFolder(path, { signal })
    screen.print(command.json ? JSON.stringify(folder) : printable(folder.path))
  }
  return 0
}

function say({ json }: { json: boolean }, { screen }: CommandContext, sentence: string): number {
  screen.print(json ? JSON.stringify({ ok: true }) : printable(sentence))
  return 0
}

/** Begins a job for each thousand files, and waits for its end. */
export async function inJobs(
  ids: readonly number[],
  context: CommandContext,
  begin: (some: readonly number[]) => Promise<TransferProgress>,
): Promise<void> {
  for (let at = 0; at < ids.length; at += AT_ONCE) {
    await follow(await begin(ids.slice(at, at + AT_ONCE)), context)
  }
}

/** Waits for the end of a job; throws where some of it could not be done. */
async function follow(
  { uploadId }: TransferProgress,
  { client, screen, signal }: CommandContext,
): Promise<void> {
  const onProgress = ({ progress, retryAfter }: TransferProgress): void =>
    screen.draw([retryAfter === null ? `${progress} %` : `Telegram asks to wait ${retryAfter} s`])
  const end = await client.follow(uploadId, { signal, onProgress })
  screen.draw([])
  if (end.status === 'failed') throw new LocalFailure(end.error ?? 'it has failed')
}

async function findAll(words: readonly string[], context: CommandContext): Promise<Thing[]> {
  const things: Thing[] = []
  for (const word of words) things.push(await findThing(word, context))
  return things
}
