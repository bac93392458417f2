import { ConnectionError } from '../../errors.ts'
import { type Connection, type ConnectionOptions, openConnection } from './connection.ts'
import type { Api, Gramjs, TlRequest } from './gramjs.ts'

/** Milliseconds to connect, with or without the key exchange, and again for the first answer. */
const OPEN_MS = 15_000
/**
 * gramjs loses a leading zero byte of the numbers it exchanges: about one key in 256 is not the
 * one that the server has made, and the exchange fails. The next one makes another key.
 */
const KEY_EXCHANGES = 3

export interface OpenOptions extends Omit<ConnectionOptions, 'timeoutMs'> {
  /** In place of `OPEN_MS`. */
  openMs?: number | undefined
}

export interface Opened<Answer> {
  connection: Connection
  answer: Answer
}

/**
 * Opens a connection and makes its first call.
 *
 * The first call names our layer and client, as each new session must
 * (core.telegram.org/api/invoking), and is small: it earns the server's salt, without which a
 * whole window of parts would be refused and sent again.
 */
export async function openSession<Answer>(
  options: OpenOptions,
  query: TlRequest<Answer>,
  signal: AbortSignal,
): Promise<Opened<Answer>> {
  const connection = await connect(options, signal)
  try {
    const request = asFirstCall(options.gramjs, options.apiId, query)
    const answer = await connection.request(request, {
      signal,
      timeoutMs: options.openMs ?? OPEN_MS,
    })
    return { connection, answer }
  } catch (error) {
    connection.close(error instanceof ConnectionError ? error : undefined)
    throw error
  }
}

async function connect(options: OpenOptions, signal: AbortSignal): Promise<Connection> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await openConnection({ ...options, timeoutMs: options.openMs ?? OPEN_MS }, signal)
    } catch (error) {
      const failed = error instanceof ConnectionError && error.reason === 'unreachable'
      if (!failed || options.authKey !== null || attempt === KEY_EXCHANGES) throw error
    }
  }
}

function asFirstCall<Answer>(
  { Api, layer }: Gramjs,
  apiId: number,
  query: TlRequest<Answer>,
): TlRequest<Answer> {
  const announced = new Api.InitConnection({
    apiId,
    deviceModel: 'TeleStore Worker',
    systemVersion: 'Node.js',
    appVersion: '1.0',
    systemLangCode: 'en',
    langPack: '',
    langCode: 'en',
    query: asQuery(query),
  })
  return asAnswering(new Api.InvokeWithLayer({ layer, query: asQuery(announced) }))
}

/** Wraps a call so that Telegram does not take it as a reason to send updates to this session. */
export function withoutUpdates<Answer>(
  { Api }: Gramjs,
  query: TlRequest<Answer>,
): TlRequest<Answer> {
  return asAnswering(new Api.InvokeWithoutUpdates({ query: asQuery(query) }))
}

/** gramjs' wrappers take its own request types; `TlRequest` is only the part of one that we use. */
function asQuery(request: TlRequest<unknown>): Api.AnyRequest {
  return request as Api.AnyRequest
}

/** A wrapper answers what its query answers. */
function asAnswering<Answer>(request: TlRequest<unknown>): TlRequest<Answer> {
  return request as TlRequest<Answer>
}
