import type { Agent, ClientRequest, IncomingMessage } from 'node:http'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { PeerQuestion } from '../../core/ports/cluster/peers.ts'
import { onAbort } from '../../lib/waiting/abortable.ts'
import { startTimer } from '../../lib/waiting/timer.ts'
import { type Frame, readFrames, StrangeAnswer } from './frames.ts'
import { QUESTION_HEADER, type SealedQuestion, sealQuestion } from './questions.ts'

/** A host that is gone answers nothing at all. */
const CONNECT_MS = 3_000

export interface AskingNode {
  /** What the nodes of the cluster share; 32 bytes. */
  readonly secret: Uint8Array
  readonly self: NodeAddress
  readonly agent: Agent
}

export interface PutQuestion {
  readonly to: NodeAddress
  readonly question: PeerQuestion
  /** Milliseconds, by the clock of the node that is asked. */
  readonly issuedAt: number
  /** Which process it is; none where that is not known yet. */
  readonly instance: string
  readonly signal: AbortSignal
  /** Milliseconds. */
  readonly silenceMs: number
}

/** The frames of an answer. Its connection is closed unless they are read to the last one. */
export interface OpenedAnswer {
  readonly first: Frame
  readonly rest: AsyncGenerator<Frame, void, undefined>
}

/**
 * Puts one question to a node, which is taken once. Resolves with its answer once that has begun.
 * Rejects with the signal's reason, the system's error, or StrangeAnswer; `rest` does as well.
 */
export async function askNode(
  { secret, self, agent }: AskingNode,
  { to, question: { kind, body }, signal, silenceMs, ...known }: PutQuestion,
): Promise<OpenedAnswer> {
  const question = sealQuestion(secret, { to, kind }, { ...known, from: self, body })
  const url = new URL(`/cluster/${kind}`, to)
  const send = () => sendRequest({ url, agent, question, silenceMs, signal })
  const response = await send().catch((error: unknown) => {
    if (!(error instanceof ClosedMeanwhile)) throw error
    // The node may have taken it all the same: then it does not take it once more.
    return send()
  })
  const frames = framesOf(response, { secret, question, signal })
  const first = await frames.next()
  if (first.done) throw new StrangeAnswer('an answer without a frame')
  return { first: first.value, rest: frames }
}

/** A kept connection was closed by the node as the request was on its way. */
class ClosedMeanwhile extends Error {}

interface SentRequest {
  url: URL
  agent: Agent
  question: SealedQuestion
  silenceMs: number
  signal: AbortSignal
}

function sendRequest(sent: SentRequest): Promise<IncomingMessage> {
  const { url, agent, question, silenceMs, signal } = sent
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    // An import of node:http would load undici.
    const request = process.getBuiltinModule('node:http').request(url, {
      method: 'POST',
      agent,
      // Of the socket, its connecting included: each byte that moves is a sign of life.
      timeout: silenceMs,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': question.body.length,
        [QUESTION_HEADER]: question.head,
      },
    })
    const ignoreAbort = onAbort(signal, () => request.destroy(asError(signal.reason)))
    request.once('close', ignoreAbort)
    request.once('timeout', () => request.destroy(new StrangeAnswer('no sign of life')))
    limitConnecting(request)
    request.once('error', (error) => {
      const wasKept = request.reusedSocket && 'code' in error && error.code === 'ECONNRESET'
      reject(signal.aborted ? signal.reason : wasKept ? new ClosedMeanwhile() : error)
    })
    request.once('response', (response) => {
      if (response.statusCode === 200) resolve(response)
      else {
        response.resume()
        reject(new StrangeAnswer(`status ${response.statusCode}`))
      }
    })
    request.end(question.body)
  })
}

function limitConnecting(request: ClientRequest): void {
  request.once('socket', (socket) => {
    if (!socket.connecting) return
    const stop = startTimer(CONNECT_MS, () => request.destroy(new StrangeAnswer('no connection')))
    socket.once('connect', stop).once('close', stop)
  })
}

async function* framesOf(
  response: IncomingMessage,
  how: { secret: Uint8Array; question: SealedQuestion; signal: AbortSignal },
): AsyncGenerator<Frame, void, undefined> {
  const { secret, question, signal } = how
  const source: AsyncIterator<Buffer> = response[Symbol.asyncIterator]()
  let isWhole = false
  try {
    for await (const frame of readFrames(source, secret, question.salt)) {
      isWhole = frame.type !== 'alive' && frame.type !== 'event'
      // The end of the body frees the connection for the next question.
      if (isWhole) void source.next().catch(() => {})
      yield frame
      if (isWhole) return
    }
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    if (!isWhole) response.destroy()
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error('aborted', { cause: reason })
}
