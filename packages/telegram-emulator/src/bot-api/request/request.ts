import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { sleep } from '../../lib/sleep.ts'
import { MiB } from '../../lib/units.ts'
import { BotApiError, badBotRequest } from '../bot-api-error.ts'
import { collect, type FormPart, readForm } from './multipart.ts'

export interface UploadedFile {
  path: string
  size: number
  fileName: string
  contentType: string | null
}

export interface BotParameters {
  fields: Record<string, string>
  files: Map<string, UploadedFile>
}

export interface ReadOptions {
  spoolFolder: string
  maxFileBytes: number
}

const MAX_FIELD_BYTES = MiB
const DRAIN_MS = 5000

/** Parameters from the query and the body, in any of the forms the Bot API takes; files go to disk. */
export async function readParameters(
  request: IncomingMessage,
  query: URLSearchParams,
  options: ReadOptions,
): Promise<BotParameters> {
  const fields: Record<string, string> = Object.fromEntries(query)
  const type = request.headers['content-type'] ?? ''
  const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(type)?.[1]
  if (Number(request.headers['content-length'] ?? 0) > options.maxFileBytes + MAX_FIELD_BYTES)
    throw tooLarge()
  // Breaking off must not cut the connection: the refusal has to reach the client.
  const source = request.iterator({ destroyOnReturn: false })
  if (boundary) return readMultipart(readForm(source, boundary), fields, options)
  const body = (await collect(source, MAX_FIELD_BYTES)).toString('utf8')
  if (/application\/json/i.test(type) && body !== '') Object.assign(fields, parseJson(body))
  else Object.assign(fields, Object.fromEntries(new URLSearchParams(body)))
  return { fields, files: new Map() }
}

export const tooLarge = (): BotApiError => new BotApiError(413, 'Request Entity Too Large')

/** Removes files that no document was made of. */
export async function discardFiles({ files }: BotParameters): Promise<void> {
  await Promise.all([...files.values()].map(({ path }) => rm(path, { force: true })))
}

/** Throws the rest of a body away, so that a client that is still sending can read the answer. */
export async function drain(request: IncomingMessage): Promise<void> {
  if (request.readableEnded || request.destroyed) return
  const ended = new AbortController()
  const end = (): void => ended.abort()
  request.once('end', end).once('close', end).resume()
  // Rejects at the end of the body, which ends the timer as well.
  await sleep(DRAIN_MS, ended.signal).catch(() => {})
}

async function readMultipart(
  parts: AsyncIterable<FormPart>,
  fields: Record<string, string>,
  options: ReadOptions,
): Promise<BotParameters> {
  const files: BotParameters['files'] = new Map()
  try {
    for await (const part of parts) {
      if (part.fileName === null)
        fields[part.name] = (await collect(part.body, MAX_FIELD_BYTES)).toString('utf8')
      else files.set(part.name, await spool(part, part.fileName, options))
    }
  } catch (error) {
    await discardFiles({ fields, files })
    throw error
  }
  return { fields, files }
}

async function spool(
  part: FormPart,
  fileName: string,
  { spoolFolder, maxFileBytes }: ReadOptions,
): Promise<UploadedFile> {
  const path = join(spoolFolder, randomUUID())
  let size = 0
  const counted = async function* (body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      size += chunk.length
      if (size > maxFileBytes) throw tooLarge()
      yield chunk
    }
  }
  try {
    await pipeline(part.body, counted, createWriteStream(path, { highWaterMark: MiB }))
  } catch (error) {
    await rm(path, { force: true })
    throw error
  }
  return { path, size, fileName, contentType: part.contentType }
}

function parseJson(body: string): Record<string, string> {
  try {
    const parsed: unknown = JSON.parse(body)
    if (typeof parsed !== 'object' || parsed === null) throw new SyntaxError('not an object')
    return Object.fromEntries(
      Object.entries(parsed).map(([name, value]) => [
        name,
        typeof value === 'string' ? value : JSON.stringify(value),
      ]),
    )
  } catch {
    throw badBotRequest("can't parse JSON object")
  }
}
