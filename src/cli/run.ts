import { readFile } from 'node:fs/promises'
import { createClient } from 'telestore-client'
import { type Command, type CommonOptions, parseCommand, UsageError } from './arguments.ts'
import { copy, makeFolders, move, remove } from './commands/change-command.ts'
import { download, downloadZip } from './commands/download-command.ts'
import { downloadPath } from './commands/download-tree.ts'
import { find, leftovers, list, rescan } from './commands/library-command.ts'
import { listShares, share, unshare } from './commands/share-command.ts'
import { status } from './commands/status-command.ts'
import { upload } from './commands/upload-command.ts'
import type { CliContext, CommandContext, Env } from './context.ts'
import { Interrupted, LocalFailure, sentenceOf } from './failure.ts'
import { USAGE } from './usage.ts'

const DEFAULT_URL = 'http://127.0.0.1:10000'

/** Runs one command line. Resolves with its exit code, and never rejects. */
export async function run(argv: string[], context: CliContext): Promise<number> {
  const { screen, signal } = context
  try {
    return await runCommand(parseCommand(argv), context)
  } catch (error) {
    if (signal.reason instanceof Interrupted) {
      const goesOn = argv.includes('upload') || argv.includes('download')
      screen.say(goesOn ? 'Interrupted. The same command goes on from here' : 'Interrupted')
      return 130
    }
    if (signal.aborted) return 1
    screen.say(`telestore-worker: ${sentenceOf(error)}`)
    if (!(error instanceof UsageError)) return 1
    screen.say('`telestore-worker --help` says what there is')
    return 2
  }
}

async function runCommand(command: Command, context: CliContext): Promise<number> {
  const { screen, env } = context
  switch (command.kind) {
    case 'help':
      screen.print(USAGE.trimEnd())
      return 0
    case 'version':
      screen.print(await ownVersion())
      return 0
    case 'upload':
      return upload(command, await openContext(command, context))
    case 'download':
      return download(command, await openContext(command, context))
    case 'download-path':
      return downloadPath(command, await openContext(command, context))
    case 'download-zip':
      return downloadZip(command, await openContext(command, context))
    case 'status':
      return status(command, await openContext(command, context))
    case 'ls':
      return list(command, await openContext(command, context))
    case 'find':
      return find(command, await openContext(command, context))
    case 'mv':
      return move(command, await openContext(command, context))
    case 'cp':
      return copy(command, await openContext(command, context))
    case 'rm':
      return remove(command, await openContext(command, context))
    case 'mkdir':
      return makeFolders(command, await openContext(command, context))
    case 'share':
      return share(command, await openContext(command, context))
    case 'shares':
      return listShares(command, await openContext(command, context))
    case 'unshare':
      return unshare(command, await openContext(command, context))
    case 'leftovers':
      return leftovers(command, await openContext(command, context))
    case 'rescan':
      return rescan(command, await openContext(command, context))
    case 'doctor': {
      // Loaded only here, because the doctor needs parts of the worker and the other commands do not.
      const { doctor } = await import('./doctor/doctor.ts').catch((cause: unknown) => {
        throw new LocalFailure(DOCTOR_NEEDS, { cause })
      })
      const url = urlOf(command, env)
      return doctor({ ...command, url, token: await tokenOf(command, env) }, context)
    }
  }
}

const DOCTOR_NEEDS =
  'doctor runs parts of the worker, which need Node 24 and its packages. In a clone, run `npm ci`, then `npm run doctor`'

async function openContext(
  command: CommonOptions & { kind: Command['kind'] },
  context: CliContext,
): Promise<CommandContext> {
  const { env } = context
  const url = urlOf(command, env) ?? DEFAULT_URL
  const token = (await tokenOf(command, env)) ?? ''
  if (token === '' && command.kind !== 'status') throw new UsageError(NO_TOKEN)
  return { ...context, url, token, client: createClient({ url, token }) }
}

/** The worker's address without a slash at its end; null when none is named. */
function urlOf(command: CommonOptions, env: Env): string | null {
  const url = command.url ?? (env.TELESTORE_URL || null)
  if (url === null) return null
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError('--url: expected an address such as https://worker.example')
  }
  // fetch sends none.
  if (new URL(url).username !== '' || new URL(url).password !== '') {
    throw new UsageError('--url: an address with a name and a password cannot be asked')
  }
  return url.replace(/\/+$/, '')
}

const NO_TOKEN =
  'no token: set TELESTORE_TOKEN, or name a file with --token-file. A worker that was started without configuration takes any token that begins with demo'

async function tokenOf({ token }: CommonOptions, env: Env): Promise<string | null> {
  if (token?.kind === 'value') return token.value
  if (token?.kind === 'file') {
    const [line = ''] = (await readFile(token.path, 'utf8')).split('\n')
    if (line.trim() === '') throw new LocalFailure(`${token.path}: its first line is empty`)
    return line.trim()
  }
  return env.TELESTORE_TOKEN || null
}

/** The package's version: two folders up, in `src` as in `dist`. */
async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../../package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  return version
}
