import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type { PeerAnswerer, PeerQuestionKind } from '../../core/ports/cluster/peers.ts'
import type { Log } from '../../core/ports/log.ts'
import { AppError, shuttingDown } from '../../errors.ts'
import { freeMemory } from '../../lib/buffer-pool.ts'
import { readBounded } from '../../lib/read-bounded.ts'
import { createAnswer, type FrameType } from './frames.ts'
import { type OpenedQuestion, openQuestion } from './questions.ts'
import { peerUnavailable, writeError } from './wire-error.ts'

/** How far two clocks may be apart once the asker goes by this one, and how long a question may travel. */
const WINDOW_MS = 30_000
/** Questions that are answered at one time: a node asks a few hundred at the most. */
const MAX_OPEN = 2_048
/** Questions within two windows; beyond them none is taken, because it could be there twice. */
const MAX_TAKEN = 500_000
/** How often the asker hears that its question is still worked on; after 10 s it would give up. */
const ALIVE_EVERY_MS = 2_000
const PACKET_BYTES = 16 * 1024
/** With more that it has not read an asker is cut, and asks anew. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024

export interface AnsweringNode {
  readonly secret: Uint8Array
  readonly self: NodeAddress
  readonly answererOf: (kind: PeerQuestionKind) => PeerAnswerer | undefined
  readonly log: Log
  /** Milliseconds that only go forward. */
  readonly now: () => number
}

/** The door at which other nodes ask this one. */
export interface PeerDoor {
  /** Names this instance: what was asked of an earlier one at its address is not taken. */
  readonly instance: string
  /**
   * Looks at a question's head. Null: no node of this cluster has asked it, or it was asked before. Else
   * what reads its body and writes the whole answer, and never rejects.
   */
  take: (
    kind: string,
    head: string | undefined,
  ) => ((request: IncomingMessage, response: ServerResponse) => Promise<void>) | null
  /** Breaks off what is answered, and answers no more. */
  close: () => void
}

/** The asker has hung up, or its connection broke. */
class AskerLeft extends Error {}

const KINDS: Record<PeerQuestionKind, true> = {
  wake: true,
  stop: true,
  'end-stream': true,
  telegram: true,
  block: true,
  progress: true,
  ping: true,
}

function isKind(text: string): text is PeerQuestionKind {
  return Object.hasOwn(KINDS, text)
}

export function createPeerDoor(options: AnsweringNode): PeerDoor {
  const { secret, self, answererOf, log, now } = options
  const instance = randomUUID()
  const taken = createTaken(now)
  const closing = new AbortController()
  let open = 0

  /** Resolves with the question's body; rejects where it is not what its head says. */
  async function readBody(question: OpenedQuestion, request: IncomingMessage): Promise<unknown> {
    const bytes = await readBounded(request, question.bytes)
    const content = bytes?.length === question.bytes ? question.open(bytes) : null
    if (content === null) throw new AppError('INVALID_REQUEST', 'The question is damaged')
    return content.body
  }

  async function work(
    { kind, question }: { kind: PeerQuestionKind; question: OpenedQuestion },
    request: IncomingMessage,
    { signal, emit }: { signal: AbortSignal; emit: (event: unknown) => void },
  ): Promise<[FrameType, Uint8Array]> {
    try {
      if (open > MAX_OPEN)
        throw new AppError('BUSY', 'The node has too much to do', { retryAfter: 1 })
      const body = await readBody(question, request)
      signal.throwIfAborted()
      const answerer = answererOf(kind)
      if (!answerer) throw peerUnavailable()
      const value = await answerer(body, { signal, emit, asker: question.from })
      if (value instanceof Uint8Array) return ['bytes', value]
      return ['value', Buffer.from(JSON.stringify({ value }))]
    } catch (error) {
      return ['error', writeError(errorOf(error, kind))]
    }
  }

  function errorOf(error: unknown, kind: PeerQuestionKind): AppError {
    if (error instanceof AppError) return error
    if (!(error instanceof AskerLeft))
      log.error({ err: error, kind }, 'a question of a peer failed')
    return new AppError('INTERNAL', 'Something went wrong inside the worker')
  }

  async function answer(
    kind: PeerQuestionKind,
    question: OpenedQuestion,
    { request, response }: { request: IncomingMessage; response: ServerResponse },
  ): Promise<void> {
    const hangUp = new AbortController()
    const signal = AbortSignal.any([hangUp.signal, closing.signal])
    response.once('close', () => hangUp.abort(new AskerLeft('the asker has hung up')))
    if (response.destroyed) hangUp.abort(new AskerLeft('the asker has hung up'))
    const { salt, frame } = createAnswer(secret, question.salt)
    const write = (type: FrameType, content: Uint8Array): void => {
      if (response.destroyed || response.writableEnded) return
      const pieces = frame(type, content)
      // A block is not copied once more; what is small goes in one packet.
      if (content.length < PACKET_BYTES) response.write(Buffer.concat(pieces))
      else for (const piece of pieces) response.write(piece, () => freeMemory(piece))
    }
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
    })
    response.write(salt)
    const alive = setInterval(() => write('alive', new Uint8Array()), ALIVE_EVERY_MS)
    open++
    try {
      const isTimely = Math.abs(now() - question.issuedAt) <= WINDOW_MS
      if (!isTimely || question.instance !== instance) {
        write('clock', Buffer.from(JSON.stringify({ now: now(), instance })))
        request.resume()
        return
      }
      const emit = (event: unknown): void => {
        write('event', Buffer.from(JSON.stringify(event)))
        if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
      }
      const [type, content] = await work({ kind, question }, request, { signal, emit })
      clearInterval(alive)
      write(type, content)
    } finally {
      open--
      clearInterval(alive)
      response.end()
    }
  }

  return {
    instance,
    take: (kind, head) => {
      if (closing.signal.aborted || head === undefined || !isKind(kind)) return null
      const question = openQuestion(secret, { to: self, kind }, head)
      if (question === null || !taken.add(question.salt)) return null
      return (request, response) => answer(kind, question, { request, response })
    },
    close: () => closing.abort(shuttingDown()),
  }
}

/** Which questions have been here, for at least two windows. */
function createTaken(now: () => number): { add: (salt: Buffer) => boolean } {
  let younger = new Set<string>()
  let older = new Set<string>()
  let since = now()

  return {
    /** False: it was here, or there have been too many. */
    add: (salt) => {
      if (now() - since > 2 * WINDOW_MS) {
        older = younger
        younger = new Set()
        since = now()
      }
      const name = salt.toString('latin1')
      if (older.has(name) || younger.has(name) || younger.size >= MAX_TAKEN) return false
      younger.add(name)
      return true
    },
  }
}
