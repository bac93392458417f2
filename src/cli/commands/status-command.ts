import { type Client, TeleStoreError, toProgress } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import type { CommandOf } from '../arguments.ts'
import type { CommandContext } from '../context.ts'
import { sentenceOf } from '../failure.ts'

/** Prints the state of the worker, or of one upload. Returns 1 when the worker is not ready or the upload has failed. */
export async function status(
  command: CommandOf<'status'>,
  context: CommandContext,
): Promise<number> {
  return command.uploadId === null
    ? workerStatus(command, context)
    : uploadStatus(command, context, command.uploadId)
}

async function workerStatus(
  { json }: CommandOf<'status'>,
  context: CommandContext,
): Promise<number> {
  const { client, url, screen, signal } = context
  await client.get('/health', { signal })
  const { ready, dependencies } = await readiness(client, signal)
  const jobs = await jobsOf(context)
  if (json) {
    screen.print(JSON.stringify({ url, ready, dependencies, ...(jobs && { jobs }) }))
    return ready ? 0 : 1
  }
  screen.print(`${url} is ${ready ? 'ready' : 'alive, but not ready'}`)
  for (const [name, state] of Object.entries(dependencies)) {
    const fine = state.ready !== false
    screen.print(
      `  ${fine ? '✔' : '✖'} ${name}${fine ? '' : `: ${printable(textOf(state.reason))}`}`,
    )
  }
  for (const job of jobs ?? []) screen.print(`  ${printable(lineOfJob(job))}`)
  return ready ? 0 : 1
}

type Fields = Record<string, unknown>

interface Readiness {
  ready: boolean
  dependencies: Record<string, Fields>
}

/** A worker that is not ready says so with 503 and the same body. */
async function readiness(client: Client, signal: AbortSignal): Promise<Readiness> {
  const body = await client.get('/readyz', { signal }).catch((error: unknown) => {
    if (error instanceof TeleStoreError && error.status === 503) return error.details
    throw error
  })
  const { dependencies, status } = isFields(body) ? body : {}
  const known = isFields(dependencies) ? Object.entries(dependencies) : []
  return {
    ready: status === 'ready',
    dependencies: Object.fromEntries(
      known.map(([name, state]) => [name, isFields(state) ? state : {}]),
    ),
  }
}

/** Returns the uploads of the user, unfinished ones first. Returns null when they cannot be listed, and says why. */
async function jobsOf({ client, screen, signal }: CommandContext): Promise<Fields[] | null> {
  try {
    const body = await client.get('/jobs?limit=20', { signal })
    const { jobs } = isFields(body) ? body : {}
    return Array.isArray(jobs) ? jobs.filter(isFields) : null
  } catch (error) {
    if (!(error instanceof TeleStoreError)) throw error
    // Without a token there is no list, and an older worker has none.
    if (error.code !== 'TOKEN_MISSING' && error.status !== 404) {
      screen.say(`Your uploads cannot be listed: ${sentenceOf(error)}`)
    }
    return null
  }
}

function lineOfJob(job: Fields): string {
  const { uploadId, fileName, status } = job
  return [uploadId, status, endOfJob(job), fileName].map(textOf).join('  ')
}

function endOfJob(job: Fields): string {
  const { messageId, telegramPercent } = toProgress(job)
  return messageId === null ? inTelegram(telegramPercent) : `message ${messageId}`
}

function inTelegram(percent: number): string {
  return `${Math.floor(percent)} % in Telegram`
}

async function uploadStatus(
  { json }: CommandOf<'status'>,
  { client, screen, signal }: CommandContext,
  uploadId: string,
): Promise<number> {
  const [chunks, progress] = await Promise.all([
    client.status(uploadId, { signal }),
    client.progress(uploadId, { signal }),
  ])
  const failed = progress.status === 'failed'
  if (json) {
    const { receivedDigests: _, ...rest } = chunks
    screen.print(JSON.stringify({ ...rest, ...progress }))
    return failed ? 1 : 0
  }
  const { receivedChunks, totalChunks, fileName } = chunks
  const here = `${receivedChunks.length} of ${totalChunks} chunks are at the worker`
  const wait =
    progress.retryAfter === null ? '' : `, Telegram asks to wait ${progress.retryAfter} s`
  const { volume } = progress
  const which = volume ? `, volume ${volume.number} of ${volume.of}` : ''
  const how =
    progress.status === 'completed'
      ? `in Telegram as message ${progress.messageId}`
      : failed
        ? (progress.error ?? 'failed')
        : `${here}, ${inTelegram(progress.telegramPercent)}${which}${wait}`
  screen.print(printable(`${fileName}: ${how}`))
  return failed ? 1 : 0
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}
