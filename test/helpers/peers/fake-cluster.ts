import type {
  Lease,
  LeaseName,
  Leases,
  NodeAddress,
} from '../../../src/core/ports/cluster/leases.ts'
import type { PeerAnswerer, PeerQuestion, Peers } from '../../../src/core/ports/cluster/peers.ts'
import type {
  CarriedUpload,
  TransferClaims,
} from '../../../src/core/ports/cluster/transfer-claims.ts'
import { AppError } from '../../../src/errors.ts'

/** An upload's row, as far as claims go. */
export interface ClaimRow extends Omit<CarriedUpload, 'uploadId' | 'isMine'> {
  account: LeaseName | null
  carrier: NodeAddress | null
  run: number
  notBefore: number | null
}

export interface FakeNode {
  leases: Leases
  claims: TransferClaims
  peers: Peers
  /** What it has asked others, in order. */
  asked: { node: NodeAddress; question: PeerQuestion }[]
}

export interface FakeCluster {
  node: (address: NodeAddress) => FakeNode
  rows: Map<string, ClaimRow>
  /** Who has which name. */
  holders: Map<LeaseName, NodeAddress>
  /** Whoever has the name has lost it. */
  lose: (name: LeaseName) => void
  /** These nodes do not answer. */
  cut: Set<NodeAddress>
}

const isUnfinished = ({ state }: ClaimRow): boolean => state === 'receiving' || state === 'sealed'

/** Leases, claims and peers of several nodes in memory. `now`: the ledger's time. */
export function createFakeCluster(now: () => number = Date.now): FakeCluster {
  const holders = new Map<LeaseName, NodeAddress>()
  const lost = new Map<LeaseName, AbortController>()
  const rows = new Map<string, ClaimRow>()
  const nodes = new Map<NodeAddress, FakeNode>()
  const answerers = new Map<NodeAddress, Map<string, PeerAnswerer>>()
  const cut = new Set<NodeAddress>()
  let epoch = 0

  function lose(name: LeaseName): void {
    holders.delete(name)
    lost.get(name)?.abort(new AppError('LEASE_LOST', 'lost'))
    lost.delete(name)
  }

  function leaseOf(name: LeaseName): Lease {
    const controller = lost.get(name) ?? new AbortController()
    lost.set(name, controller)
    return { name, epoch: ++epoch, lost: controller.signal, assertHeld: () => {} }
  }

  function make(self: NodeAddress): FakeNode {
    const own = new Map<LeaseName, Lease>()
    const asked: FakeNode['asked'] = []
    const runs = new Map<string, number>()
    answerers.set(self, new Map())
    const isMine = (id: string): boolean => {
      const row = rows.get(id)
      return row !== undefined && row.run === runs.get(id)
    }
    return {
      asked,
      leases: {
        self,
        acquire: async (name) => {
          const holder = holders.get(name)
          if (holder !== undefined && holder !== self) return { kind: 'elsewhere', holder }
          if (holder === undefined) own.set(name, leaseOf(name))
          holders.set(name, self)
          const lease = own.get(name)
          if (!lease) throw new Error('a lease that is held is known')
          return { kind: 'held', lease }
        },
        holderOf: async (name) => holders.get(name) ?? null,
        release: async (name) => {
          if (holders.get(name) !== self) return
          holders.delete(name)
          lost.delete(name)
        },
        nodes: async () => [...nodes.keys()].filter((node) => !cut.has(node)),
        close: async () => {
          for (const [name, holder] of holders) if (holder === self) holders.delete(name)
        },
      },
      claims: {
        claimTransfer: async ({ uploadId, account, node }) => {
          const row = rows.get(uploadId)
          if (!row || !isUnfinished(row)) return null
          Object.assign(row, { account, carrier: node, run: row.run + 1, notBefore: null })
          runs.set(uploadId, row.run)
          return row.run
        },
        leaveTransfer: async (uploadId, notBefore) => {
          const row = rows.get(uploadId)
          if (row && isMine(uploadId)) Object.assign(row, { carrier: null, notBefore })
          runs.delete(uploadId)
        },
        claimableTransfers: async (node, limit) =>
          [...rows]
            .filter(([, row]) => {
              if (!isUnfinished(row) || (row.notBefore ?? 0) > now()) return false
              if (row.carrier !== null && nodes.has(row.carrier) && !cut.has(row.carrier))
                return false
              const holder = row.account === null ? undefined : holders.get(row.account)
              return holder === undefined || holder === node
            })
            .slice(0, limit)
            .map(([uploadId, { account }]) => ({ uploadId, account })),
        carrierOf: async (uploadId) => {
          const row = rows.get(uploadId)
          return row && isUnfinished(row) ? row.carrier : null
        },
        carriedUploads: async (ids) =>
          ids.flatMap((uploadId) => {
            const row = rows.get(uploadId)
            if (!row) return []
            const { state, chunkCount } = row
            return { uploadId, state, chunkCount, isMine: isMine(uploadId) }
          }),
      },
      peers: {
        ask: async (node, question, { signal }) => {
          asked.push({ node, question })
          const answerer = answerers.get(node)?.get(question.kind)
          if (cut.has(node) || !answerer) throw new AppError('PEER_UNAVAILABLE', 'no answer')
          return answerer(question.body, { signal, emit: () => {}, asker: self })
        },
        answer: (kind, answerer) => void answerers.get(self)?.set(kind, answerer),
      },
    }
  }

  return {
    node: (address) => {
      const node = nodes.get(address) ?? make(address)
      nodes.set(address, node)
      return node
    },
    rows,
    holders,
    lose,
    cut,
  }
}
