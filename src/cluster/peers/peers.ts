import { z } from 'zod'
import type { NodeAddress } from '../../core/ports/cluster/leases.ts'
import type {
  AskOptions,
  PeerAnswerer,
  PeerQuestion,
  PeerQuestionKind,
  Peers,
} from '../../core/ports/cluster/peers.ts'
import type { CircuitStatus } from '../../core/ports/health.ts'
import type { Log } from '../../core/ports/log.ts'
import { AppError, shuttingDown } from '../../errors.ts'
import { createSemaphore, type Semaphore } from '../../lib/concurrency/semaphore.ts'
import {
  type CircuitBreaker,
  type CircuitLimits,
  createCircuitBreaker,
} from '../../lib/waiting/circuit-breaker.ts'
import { createPeerDoor, type PeerDoor } from './answer-node.ts'
import { askNode, type OpenedAnswer } from './ask-node.ts'
import { type Frame, StrangeAnswer } from './frames.ts'
import { peerUnavailable, readError } from './wire-error.ts'

export interface PeersOptions {
  /** What only the nodes of the cluster have; 32 bytes. */
  secret: Uint8Array
  /** Where this node answers: other nodes ask it by this address, letter for letter. */
  self: NodeAddress
  log: Log
  circuit?: Partial<CircuitLimits>
  /** Milliseconds that only go forward. */
  now?: () => number
}

export interface OpenedPeers extends Peers {
  /** What answers the requests of other nodes. */
  readonly door: PeerDoor
  /** How the circuits stand before the nodes that were asked of late. */
  readonly circuits: () => Record<NodeAddress, CircuitStatus>
  /** Aborts when they are closed. */
  readonly closed: AbortSignal
  /** Ends what is asked and answered; asks no more. */
  readonly close: () => void
}

/** What is known of another node. */
interface Known {
  readonly circuit: CircuitBreaker
  /** For questions that are many, or may take long. */
  readonly places: Semaphore
  /** How far its clock is ahead of this one, milliseconds. */
  aheadMs: number
  /** Which process answers there; empty before the first answer. */
  instance: string
}

interface Asking extends AskOptions {
  silenceMs: number
}

const SILENCE_MS = 10_000
/** Calls and blocks that one node is asked for at one time; the others wait. */
const MAX_ASKED = 256
const IN_PLACES: ReadonlySet<PeerQuestionKind> = new Set(['telegram', 'block'])
const MAX_KNOWN = 1_000
/** A node that was deployed anew is back in seconds. */
const CIRCUIT: Partial<CircuitLimits> = { firstBreakMs: 1_000, longestBreakMs: 5_000 }

const Clock = z.object({ now: z.number(), instance: z.string() })
const Value = z.object({ value: z.unknown().optional() })

/** What only nodes with the same LEDGER_KEY have. */
export function peerSecret({ deriveKey }: { deriveKey: (purpose: string) => Buffer }): Buffer {
  return deriveKey('cluster: peers')
}

/** Asks other nodes of the cluster over HTTP, and answers them. */
export function createPeers(options: PeersOptions): OpenedPeers {
  const { secret, self, log, circuit = CIRCUIT, now = createClock() } = options
  // An import of node:http would load undici.
  const { Agent } = process.getBuiltinModule('node:http')
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 64 })
  const answerers = new Map<PeerQuestionKind, PeerAnswerer>([['ping', async () => self]])
  /** Those asked last stand at the end. */
  const known = new Map<NodeAddress, Known>()
  const closing = new AbortController()
  const door = createPeerDoor({ secret, self, answererOf: (kind) => answerers.get(kind), log, now })

  function knownOf(node: NodeAddress): Known {
    const found = known.get(node) ?? {
      circuit: createCircuitBreaker({
        ...circuit,
        refuse: (retryAfter, cause) => peerUnavailable(cause, retryAfter),
        onStateChange: (state) =>
          log.warn({ node, state }, 'the circuit before a peer has changed'),
      }),
      places: createSemaphore(MAX_ASKED),
      aheadMs: 0,
      instance: '',
    }
    known.delete(node)
    known.set(node, found)
    const [oldest] = known.keys()
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest)
    return found
  }

  /** Puts the question once more where the answer was who is there, and the time of its clock. */
  async function open(
    node: NodeAddress,
    question: PeerQuestion,
    { signal, silenceMs }: Asking,
  ): Promise<OpenedAnswer> {
    const peer = knownOf(node)
    const askOnce = () => {
      const known = { instance: peer.instance, issuedAt: Math.round(now() + peer.aheadMs) }
      return askNode({ secret, self, agent }, { ...known, to: node, question, signal, silenceMs })
    }
    const answer = await askOnce()
    if (answer.first.type !== 'clock') return answer
    const clock = Clock.parse(jsonIn(answer.first))
    peer.aheadMs = clock.now - now()
    peer.instance = clock.instance
    return askOnce()
  }

  /** Resolves with the frame that ends the answer. */
  async function ask(node: NodeAddress, question: PeerQuestion, asking: Asking): Promise<Frame> {
    const { signal, onEvent } = asking
    // Once the answer has begun the node is there, however long the rest takes.
    const { first, rest } = await knownOf(node)
      .circuit.run(() => open(node, question, asking), {
        ofError: () => (signal.aborted ? 'unknown' : 'unhealthy'),
      })
      .catch(unavailable)
    try {
      for (let frame = first; ; ) {
        if (frame.type === 'event') onEvent?.(jsonIn(frame))
        else if (frame.type !== 'alive') return frame
        const next = await rest.next().catch(unavailable)
        frame = next.done ? unavailable(new StrangeAnswer('no end')) : next.value
      }
    } finally {
      await rest.return()
    }

    function unavailable(error: unknown): never {
      signal.throwIfAborted()
      if (!(error instanceof AppError)) log.debug({ err: error, node }, 'a peer does not answer')
      throw error instanceof AppError ? error : peerUnavailable(error)
    }
  }

  return {
    door,
    ask: async (node, question, { silenceMs = SILENCE_MS, ...asked }) => {
      const signal = AbortSignal.any([asked.signal, closing.signal])
      const { places } = knownOf(node)
      const leave = IN_PLACES.has(question.kind) ? await places.acquire(1, signal) : () => {}
      try {
        const { type, content } = await ask(node, question, { ...asked, signal, silenceMs })
        if (type === 'bytes') return content
        if (type === 'value') return Value.parse(JSON.parse(content.toString())).value
        // Clocks that differ more each time are no error of what was asked.
        throw type === 'error' ? readError(content) : peerUnavailable()
      } finally {
        leave()
      }
    },
    answer: (kind, answerer) => {
      if (answerers.has(kind)) throw new Error(`questions of the kind ${kind} have an answerer`)
      answerers.set(kind, answerer)
    },
    circuits: () =>
      Object.fromEntries(
        [...known].map(
          ([
            node,
            {
              circuit: { state, retryAfter },
            },
          ]) => [node, { state, retryAfter }],
        ),
      ),
    closed: closing.signal,
    close: () => {
      closing.abort(shuttingDown())
      door.close()
      agent.destroy()
    },
  }
}

/** A clock that is set back must not make a question of an hour ago a new one. */
function createClock(): () => number {
  const offset = Date.now() - performance.now()
  return () => offset + performance.now()
}

function jsonIn({ content }: Frame): unknown {
  return JSON.parse(content.toString())
}
