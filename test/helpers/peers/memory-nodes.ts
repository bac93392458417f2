import type { Leases, NodeAddress } from '../../../src/core/ports/cluster/leases.ts'
import type {
  PeerAnswerer,
  PeerQuestionKind,
  Peers,
} from '../../../src/core/ports/cluster/peers.ts'
import { AppError } from '../../../src/errors.ts'

/** Leases and questions of several nodes in one process. */
export interface MemoryNodes {
  node: (address: NodeAddress) => { leases: Leases; peers: Peers }
  /** The holder of each name. */
  readonly holders: Map<string, NodeAddress>
  /** What was asked, in order: `from to kind call`. */
  readonly asked: string[]
  /** Another node may have taken it; its holder has noticed. */
  lose: (name: string) => void
  /** The same, and its holder, which stood still, has not noticed until it asks its clocks. */
  takeFromFrozen: (name: string) => void
  /** These nodes cannot reach the database. */
  readonly cutOff: Set<NodeAddress>
  /** These nodes answer nobody. */
  readonly dead: Set<NodeAddress>
}

export function createMemoryNodes(): MemoryNodes {
  const holders = new Map<string, NodeAddress>()
  const ends = new Map<string, AbortController>()
  const frozen = new Set<AbortSignal>()
  const answerers = new Map<string, PeerAnswerer>()
  const dead = new Set<NodeAddress>()
  const cutOff = new Set<NodeAddress>()
  const asked: string[] = []
  const lost = (): AppError => new AppError('LEASE_LOST', 'lost')

  function leasesOf(self: NodeAddress): Leases {
    return {
      self,
      acquire: async (name) => {
        if (cutOff.has(self)) throw new AppError('SPOOL_FAILED', 'no database')
        const holder = holders.get(name) ?? self
        if (holder !== self) return { kind: 'elsewhere', holder }
        const { signal } = ends.get(name) ?? new AbortController()
        if (!holders.has(name)) {
          const end = new AbortController()
          ends.set(name, end)
          holders.set(name, self)
          return { kind: 'held', lease: leaseOf(name, end.signal) }
        }
        return { kind: 'held', lease: leaseOf(name, signal) }
      },
      holderOf: async (name) => holders.get(name) ?? null,
      release: async (name) => {
        if (holders.get(name) === self) holders.delete(name)
      },
      nodes: async () => [...new Set(holders.values())],
      close: async () => {
        for (const [name, holder] of holders) if (holder === self) holders.delete(name)
      },
    }
  }

  const leaseOf = (name: string, signal: AbortSignal) => ({
    name,
    epoch: 1,
    lost: signal,
    assertHeld: () => {
      signal.throwIfAborted()
      if (frozen.has(signal)) throw lost()
    },
  })

  function peersOf(self: NodeAddress): Peers {
    return {
      ask: async (node, question, { signal, onEvent }) => {
        const body = JSON.parse(JSON.stringify(question.body))
        asked.push(`${self} ${node} ${question.kind} ${body.call ?? ''}`.trim())
        const answerer = answerers.get(`${node} ${question.kind}`)
        if (dead.has(node) || dead.has(self) || !answerer) {
          throw new AppError('PEER_UNAVAILABLE', 'gone', { retryAfter: 1, peerDown: true })
        }
        const emit = (event: unknown): void => onEvent?.(JSON.parse(JSON.stringify(event)))
        const answer = await answerer(body, { signal, emit, asker: self })
        signal.throwIfAborted()
        if (dead.has(node)) throw new AppError('PEER_UNAVAILABLE', 'gone', { peerDown: true })
        return answer instanceof Uint8Array
          ? Buffer.from(answer)
          : JSON.parse(JSON.stringify(answer))
      },
      answer: (kind: PeerQuestionKind, answerer) => void answerers.set(`${self} ${kind}`, answerer),
    }
  }

  return {
    node: (address) => ({ leases: leasesOf(address), peers: peersOf(address) }),
    holders,
    asked,
    dead,
    cutOff,
    lose: (name) => {
      holders.delete(name)
      ends.get(name)?.abort(lost())
      ends.delete(name)
    },
    takeFromFrozen: (name) => {
      const end = ends.get(name)
      if (end) frozen.add(end.signal)
      holders.delete(name)
      ends.delete(name)
    },
  }
}
