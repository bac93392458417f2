import type { AccountKind } from '../../helpers/peers/peer-processes.ts'

/** How a client sends a file. */
export type Way = 'whole' | 'chunks' | 'tus' | 'tus parallel' | 'client'

/** From the first byte to the one after the last. */
export type Span = readonly [from: number, to: number]

/** What clients of a cluster have seen, in the order in which it happened. Files go by their names. */
export type Entry =
  /** A client has a file to send. */
  | {
      kind: 'file'
      file: string
      size: number
      sha256: string
      way: Way
      channelId: string
      accountKind: AccountKind
    }
  /** A request with a whole file leaves: it may become a message, whatever its answer. */
  | { kind: 'sent'; file: string }
  | { kind: 'acknowledged'; file: string; span: Span }
  /** A node was asked what the cluster has of a file, when the history had `asked` entries. */
  | { kind: 'listed'; file: string; spans: readonly Span[]; asked: number }
  /** A client has heard that its file is whole and will be posted. */
  | { kind: 'sealed'; file: string }
  | { kind: 'progress'; file: string; viewer: string; percent: number; status: string }
  | { kind: 'completed'; file: string; messageId: number; sha256: string | null }
  | { kind: 'failed'; file: string; why: string }
  /** `isPosted`: a message of it was there when the answer came. */
  | { kind: 'cancelled'; file: string; isPosted: boolean }
  | { kind: 'read'; file: string; span: Span; sha256: string }
  /** Something breaks or is whole again. */
  | { kind: 'fault'; what: string; node: number | null; event: 'begin' | 'end' }
  | { kind: 'refused'; path: string; status: number }
  /** An answer that the contract does not have. */
  | { kind: 'odd'; what: string }

export interface History {
  readonly entries: readonly (Entry & { ms: number })[]
  add: (entry: Entry) => void
}

export function createHistory(): History {
  const entries: (Entry & { ms: number })[] = []
  const startedAt = performance.now()
  return {
    entries,
    add: (entry) => void entries.push({ ...entry, ms: Math.round(performance.now() - startedAt) }),
  }
}
