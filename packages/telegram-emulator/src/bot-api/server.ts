import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Telegram } from '../context.ts'
import { flipBytesOfFile } from '../faults/flip-byte.ts'
import type { FaultEffect } from '../faults/rules.ts'
import { type HttpListener, listenHttp, urlOf } from '../http-listener.ts'
import { sleep } from '../lib/sleep.ts'
import type { Account } from '../store/accounts.ts'
import { BotApiError } from './bot-api-error.ts'
import { downloadFile } from './files/download.ts'
import { findBotMethod } from './method-table.ts'
import { discardFiles, drain, readParameters } from './request/request.ts'
import { type BotUpdates, createBotUpdates } from './updates.ts'

interface Exchange {
  telegram: Telegram
  updates: BotUpdates
  request: IncomingMessage
  response: ServerResponse
  url: URL
}

/** The answer of an exchange once the method has run. */
interface Reply {
  status: number
  body: Record<string, unknown>
}

/** The Bot API over HTTP (https://core.telegram.org/bots/api#making-requests). */
export function openBotApi(
  telegram: Telegram,
  address: { host: string; port: number },
): Promise<HttpListener> {
  const updates = createBotUpdates(telegram)
  const server = createServer((request, response) => {
    serve({ telegram, updates, request, response, url: urlOf(request) }).catch((error: unknown) => {
      telegram.log(`Bot API failed: ${error instanceof Error ? error.stack : error}`)
      response.destroy()
    })
  })
  // A large file on a slow line may take its time.
  server.requestTimeout = 0
  return listenHttp(server, address)
}

async function serve(exchange: Exchange): Promise<void> {
  const { telegram, request, response, url } = exchange
  const file = /^\/file\/bot([^/]+)\/(.+)$/.exec(url.pathname)
  const call = file ?? /^\/bot([^/]+)\/([^/]+)$/.exec(url.pathname)
  const bot = call ? telegram.store.accounts.findByToken(decoded(call[1] ?? '')) : null
  const named = decoded(call?.[2] ?? '')
  const name = file ? 'bot:file' : `bot:${named}`
  countCall(telegram, name)
  const effects = bot ? matchFaults(telegram, bot, name) : []
  for (const effect of effects) if (effect.kind === 'latency') await sleep(effect.ms)
  if (telegram.settings.latencyMs > 0) await sleep(telegram.settings.latencyMs)
  if (await applyBefore(exchange, effects)) return
  if (file && bot) return serveFile(exchange, named)
  const reply = await replyTo(exchange, bot, named, effects)
  if (reply.status !== 200) countError(telegram, name, String(reply.body.description))
  if (effects.some(({ kind }) => kind === 'drop-after')) request.socket.resetAndDestroy()
  else if (!effects.some(({ kind }) => kind === 'lose-answer')) sendJson(response, reply)
}

/** A text that holds a percent sign without an escape stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function serveFile({ telegram, request, response }: Exchange, path: string): Promise<void> {
  try {
    await downloadFile({ telegram, path, request, response })
  } catch (error) {
    sendJson(response, toReply(telegram, error))
  }
}

async function replyTo(
  exchange: Exchange,
  bot: Account | null,
  name: string,
  effects: readonly FaultEffect[],
): Promise<Reply> {
  const { telegram, updates, request, response, url } = exchange
  const left = new AbortController()
  response.once('close', () => left.abort())
  try {
    if (name === '') throw new BotApiError(404, 'Not Found')
    if (!bot) throw new BotApiError(401, 'Unauthorized')
    const method = findBotMethod(name)
    if (!method) throw new BotApiError(404, 'Not Found: method not found')
    const parameters = await readParameters(request, url.searchParams, {
      spoolFolder: telegram.store.spoolFolder,
      maxFileBytes: uploadLimit(telegram),
    })
    for (const { path, size } of parameters.files.values()) {
      telegram.counters.method(`bot:${name}`).bytesIn += size
      await flipBytesOfFile(effects, path, size)
    }
    try {
      return {
        status: 200,
        body: {
          ok: true,
          result: await method({ telegram, bot, parameters, updates, signal: left.signal }),
        },
      }
    } finally {
      await discardFiles(parameters)
    }
  } catch (error) {
    await drain(request)
    return toReply(telegram, error)
  }
}

const LOCAL_UPLOAD_LIMIT = 2000 * 1024 * 1024

const uploadLimit = ({ settings }: Telegram): number =>
  settings.botApiLocal ? LOCAL_UPLOAD_LIMIT : settings.botApiUploadLimit

function toReply(telegram: Telegram, error: unknown): Reply {
  if (!(error instanceof BotApiError)) {
    telegram.log(`Bot API failed: ${error instanceof Error ? error.stack : error}`)
    return toReply(telegram, new BotApiError(500, 'Internal Server Error'))
  }
  const { code, message, retryAfter } = error
  const parameters = retryAfter === undefined ? {} : { parameters: { retry_after: retryAfter } }
  return {
    status: code,
    body: { ok: false, error_code: code, description: message, ...parameters },
  }
}

/** Applies the effects that replace the method; returns whether one did. */
async function applyBefore(exchange: Exchange, effects: readonly FaultEffect[]): Promise<boolean> {
  const { telegram, request, response } = exchange
  for (const effect of effects) {
    if (effect.kind === 'drop') {
      request.socket.resetAndDestroy()
      return true
    }
    if (effect.kind === 'silence') return true
    if (effect.kind === 'error') {
      await drain(request)
      const { code, message, retryAfter } = effect
      sendJson(response, toReply(telegram, new BotApiError(code, message, retryAfter)))
      return true
    }
    if (effect.kind === 'html') {
      await drain(request)
      const page = '<html><body><h1>Bad Gateway</h1></body></html>'
      response.writeHead(effect.status, { 'Content-Type': 'text/html' }).end(page)
      return true
    }
  }
  return false
}

function matchFaults(telegram: Telegram, bot: Account, method: string): FaultEffect[] {
  const label = (): string | null => telegram.store.bundles.labelOf(bot.id)
  return telegram.faults.match({ method, accountId: bot.id, label, dcId: 0, mediaOnly: false })
}

function countCall(telegram: Telegram, name: string): void {
  const counter = telegram.counters.method(name)
  counter.calls++
  counter.byAddress.http = (counter.byAddress.http ?? 0) + 1
}

function countError(telegram: Telegram, name: string, description: string): void {
  const { errors } = telegram.counters.method(name)
  errors[description] = (errors[description] ?? 0) + 1
}

function sendJson(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}
