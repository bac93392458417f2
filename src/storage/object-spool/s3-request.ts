import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { pipeline } from 'node:stream/promises'
import aws4 from 'aws4'

export interface S3Address {
  /** `https://…`, without the bucket. */
  readonly endpoint: string
  readonly bucket: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Whether the bucket stands in the path; else before the host's name. */
  readonly pathStyle: boolean
}

export interface S3Request {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'
  /** Of safe characters only, as `keys.ts` makes them; none: the bucket itself is asked. */
  readonly key?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: S3Body
}

export interface S3Body {
  readonly size: number
  /** SHA-256, hex: the store refuses other bytes. */
  readonly digest: string
  /** The bytes; called anew for each try. */
  readonly read: () => AsyncIterable<Uint8Array>
}

/** What the store has answered; its body must be read to the end, or destroyed. */
export type S3Answer = IncomingMessage & { readonly statusCode: number }

export interface S3Connections {
  /** Sends one signed request. Rejects with the system's error, or where nothing moves for too long. */
  send: (request: S3Request) => Promise<S3Answer>
  close: () => void
}

const EMPTY_DIGEST = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const MAX_SOCKETS = 64

/**
 * Speaks HTTP with an S3-compatible store, by Node's own client: a body of `fetch` passes through web
 * streams, which cost a processor more than the rest of a request.
 */
export function createS3Connections(address: S3Address, idleMs: number): S3Connections {
  const { bucket, region, accessKeyId, secretAccessKey, pathStyle } = address
  const endpoint = new URL(address.endpoint)
  const isTls = endpoint.protocol === 'https:'
  const host = pathStyle ? endpoint.host : `${bucket}.${endpoint.host}`
  const hostname = pathStyle ? endpoint.hostname : `${bucket}.${endpoint.hostname}`
  const root = `${endpoint.pathname.replace(/\/$/, '')}${pathStyle ? `/${bucket}` : ''}`
  const options = { keepAlive: true, maxSockets: MAX_SOCKETS, scheduling: 'lifo' } as const
  const agent = isTls ? new HttpsAgent(options) : new HttpAgent(options)

  function sign({ method, key = '', query = {}, headers = {}, body }: S3Request) {
    const search = Object.entries(query).map(
      ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
    )
    const path = `${root}/${key}${search.length > 0 ? `?${search.join('&')}` : ''}`
    const signed = aws4.sign(
      {
        service: 's3',
        region,
        method,
        path,
        headers: {
          ...headers,
          Host: host,
          'X-Amz-Content-Sha256': body?.digest ?? EMPTY_DIGEST,
          ...(body && { 'Content-Length': body.size }),
        },
      },
      { accessKeyId, secretAccessKey },
    )
    return { method, path, headers: signed.headers ?? {} }
  }

  return {
    send: (asked) =>
      new Promise<S3Answer>((resolve, reject) => {
        const { body } = asked
        const port = endpoint.port || undefined
        const send = isTls ? httpsRequest : httpRequest
        const outgoing = send({ ...sign(asked), hostname, port, agent })
        outgoing.setTimeout(idleMs, () => {
          outgoing.destroy(new Error(`the store was silent for ${idleMs} ms`))
        })
        outgoing.on('response', (answer) => {
          if (isAnswer(answer)) resolve(answer)
        })
        outgoing.on('error', reject)
        if (!body || body.size === 0) outgoing.end()
        // A store that refuses answers before it has the body: then the rest is not waited for.
        else pipeline(body.read(), outgoing).catch(reject)
      }),
    close: () => agent.destroy(),
  }
}

function isAnswer(answer: IncomingMessage): answer is S3Answer {
  return answer.statusCode !== undefined
}
