import { open } from 'node:fs/promises'
import { Api } from 'node-telegram-bot-api'
import { AppError } from '../../errors.ts'
import { KiB } from '../../lib/units.ts'
import { askOrThrow, type BotApiCircuit } from './ask.ts'
import { type FileStream, openFileStream } from './file-stream.ts'
import type { ExchangeTimeouts } from './http-request.ts'
import { createNodeFetch, type ExchangeTrace } from './node-fetch.ts'

const MAX_ANSWER_BYTES = 64 * KiB

/** A file that a bot may read. Holds the bot's token: never logged. */
export interface BotFile {
  readonly token: string
  readonly path: string
  /** Bytes, where Telegram says it. */
  readonly size: number | null
  /** The same for all bots and for ever: the file's bytes. */
  readonly uniqueId: string
}

interface Address {
  root: string
  local: boolean
  timeouts: ExchangeTimeouts
  circuit: BotApiCircuit
}

/** Asks `getFile`. Rejects with AppErrors as `send` does. */
export async function findFile(
  { token, fileId, signal }: { token: string; fileId: string; signal: AbortSignal },
  { root, timeouts, circuit }: Address,
): Promise<BotFile> {
  const trace: ExchangeTrace = { complete: false, status: null }
  const fetch = createNodeFetch({ timeouts, trace, maxAnswerBytes: MAX_ANSWER_BYTES })
  const find = async (): Promise<BotFile> => {
    const api = new Api(token, { apiRoot: root, fetch, maxRetries: 0, timeoutMs: 0 })
    const file = await api.getFile({ file_id: fileId }, signal)
    const { file_path: path, file_unique_id: uniqueId, file_size: size } = file
    // It becomes an entity tag.
    if (!path || !/^[\w-]+$/.test(uniqueId)) throw new Error('Telegram did not say where it is')
    return { token, path, size: size ?? null, uniqueId }
  }
  return askOrThrow(find, { asks: 'file', circuit, trace, token, signal })
}

/** The answers under way of each file. A new path is a new file here. */
const streams = new WeakMap<BotFile, Set<FileStream>>()

/**
 * One range of a file: over HTTP, or from the disk shared with a local server. The ranges of a
 * reader that goes on come from few requests.
 */
export async function readFileBlock(
  file: BotFile,
  { offset, length }: { offset: number; length: number },
  { root, local, timeouts, circuit, signal }: Address & { signal: AbortSignal },
): Promise<Uint8Array> {
  if (local) return readLocally(file.path, offset, length)
  const trace: ExchangeTrace = { complete: false, status: null }
  const read = async (): Promise<Uint8Array> => {
    signal.throwIfAborted()
    const ofFile = streams.get(file) ?? new Set()
    streams.set(file, ofFile)
    const known = [...ofFile].find((stream) => stream.canRead(offset, length))
    const stream = known ?? begin(ofFile)
    return stream.read({ length, trace, signal })
  }
  const begin = (ofFile: Set<FileStream>): FileStream => {
    const path = file.path.split('/').map(encodeURIComponent).join('/')
    const stream = openFileStream({
      url: `${root.replace(/\/+$/, '')}/file/bot${file.token}/${path}`,
      ...{ offset, length, timeouts },
      size: file.size,
      onEnd: () => ofFile.delete(stream),
    })
    ofFile.add(stream)
    return stream
  }
  return askOrThrow(read, { asks: 'file', circuit, trace, token: file.token, signal })
}

async function readLocally(path: string, offset: number, length: number): Promise<Uint8Array> {
  const handle = await open(path).catch(() => {
    throw new AppError('TELEGRAM_REJECTED', "The Bot API server's files are not on this disk")
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
