import { KiB, MiB } from '../../lib/units.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'

/** What is kept and asked for: 128 KiB. Aligned multiples of it satisfy every rule of `upload.getFile`. */
export const UNIT_BYTES = 128 * KiB
const UNITS_PER_BLOCK = MiB / UNIT_BYTES
/** Players look at a file's first and last bytes again and again: these outlive the middle. */
const EDGE_BYTES = MiB

export interface BlockCacheOptions {
  gateway: Pick<TelegramGateway, 'readBlock' | 'reuse'>
  /** Bytes kept at the most; 0 keeps none, requests under way are shared all the same. */
  maxBytes: number
}

/** Consecutive units of a document that come, or came, with one answer. */
export interface BlockSlice {
  /** First byte and number of bytes within the document; the last unit may pass its end. */
  readonly offset: number
  readonly length: number
  /** The bytes, less what lies beyond the end of the document. */
  readonly bytes: Promise<Uint8Array>
  /** Whether `bytes` is here already. */
  readonly ready: boolean
  /**
   * Says that the caller neither waits for the bytes nor reads them any more: a request that no caller
   * waits for is given up, and the memory of bytes that nothing reads is used again.
   */
  release: () => void
}

export interface BlockCache {
  /**
   * The units from `firstUnit` on, `count` of them or less up to the end of their 1 MiB block:
   * from memory, from requests of other readers, and the missing ones with one request per gap.
   */
  request: (document: RemoteDocument, firstUnit: number, count: number) => BlockSlice[]
  /** Bytes held now, and units served from memory or shared requests against those fetched. */
  readonly stats: { bytes: number; hits: number; misses: number }
}

/** One answer of Telegram, on its way or kept. */
interface Fetch {
  readonly documentId: string
  readonly firstUnit: number
  readonly count: number
  readonly bytes: Promise<Uint8Array>
  /** The answer; null while on its way. */
  block: Uint8Array | null
  readonly edge: boolean
  /** Slices that are not released. */
  held: number
  forgotten: boolean
  readonly abort: AbortController
}

/** A bounded, single-flight memory of what was read, shared by all readers of a document. */
export function createBlockCache({ gateway, maxBytes }: BlockCacheOptions): BlockCache {
  const documents = new Map<string, Map<number, Fetch>>()
  // Insertion order is the order of last use; two lists, so that edges do not compete with middles.
  const kept = { edge: new Set<Fetch>(), middle: new Set<Fetch>() }
  const held = { edge: 0, middle: 0 }
  const stats = { hits: 0, misses: 0 }

  function start(document: RemoteDocument, firstUnit: number, count: number): Fetch {
    const abort = new AbortController()
    const offset = firstUnit * UNIT_BYTES
    const bytes = gateway.readBlock(document, { offset, length: count * UNIT_BYTES }, abort.signal)
    const end = offset + count * UNIT_BYTES
    const edge = offset < EDGE_BYTES || end > document.size - EDGE_BYTES
    const { id: documentId } = document
    const fetch: Fetch = {
      documentId,
      firstUnit,
      count,
      bytes,
      block: null,
      edge,
      held: 0,
      forgotten: false,
      abort,
    }
    index(fetch)
    bytes.then(
      (answer) => keep(fetch, answer),
      () => forget(fetch),
    )
    return fetch
  }

  function index(fetch: Fetch): void {
    const units = documents.get(fetch.documentId) ?? new Map<number, Fetch>()
    documents.set(fetch.documentId, units)
    for (let unit = fetch.firstUnit; unit < fetch.firstUnit + fetch.count; unit++)
      units.set(unit, fetch)
  }

  function forget(fetch: Fetch): void {
    if (fetch.forgotten) return
    fetch.forgotten = true
    const units = documents.get(fetch.documentId)
    for (let unit = fetch.firstUnit; unit < fetch.firstUnit + fetch.count; unit++) {
      if (units?.get(unit) === fetch) units.delete(unit)
    }
    if (units?.size === 0) documents.delete(fetch.documentId)
    const kind = kindOf(fetch)
    if (kept[kind].delete(fetch)) held[kind] -= fetch.block?.length ?? 0
    reuseIfUnread(fetch)
  }

  /** Gives memory back that is neither kept nor read. */
  function reuseIfUnread(fetch: Fetch): void {
    if (!fetch.forgotten || fetch.held > 0 || !fetch.block) return
    gateway.reuse?.(fetch.block)
    fetch.block = null
  }

  function keep(fetch: Fetch, block: Uint8Array): void {
    fetch.block = block
    // It came too late for its readers, and no other would find it here.
    if (fetch.forgotten) {
      reuseIfUnread(fetch)
      return
    }
    const kind = kindOf(fetch)
    kept[kind].add(fetch)
    held[kind] += block.length
    while (held.edge + held.middle > maxBytes) {
      const [oldest] = kept.middle.size > 0 && held.edge <= maxBytes / 2 ? kept.middle : kept.edge
      forget(oldest ?? fetch)
    }
  }

  function use(fetch: Fetch): void {
    const list = kept[kindOf(fetch)]
    if (list.delete(fetch)) list.add(fetch)
  }

  function sliceOf(fetch: Fetch, firstUnit: number, count: number): BlockSlice {
    use(fetch)
    fetch.held++
    let released = false
    const from = (firstUnit - fetch.firstUnit) * UNIT_BYTES
    const length = count * UNIT_BYTES
    const bytes = fetch.bytes.then((answer) => answer.subarray(from, from + length))
    // A caller that has released a slice does not hear of its failure.
    bytes.catch(() => {})
    return {
      offset: firstUnit * UNIT_BYTES,
      length,
      bytes,
      get ready() {
        return fetch.block !== null
      },
      release: () => {
        if (released) return
        released = true
        if (--fetch.held > 0) return
        if (fetch.block) {
          reuseIfUnread(fetch)
          return
        }
        forget(fetch)
        fetch.abort.abort()
      },
    }
  }

  return {
    request: (document, firstUnit, count) => {
      const blockEnd = firstUnit - (firstUnit % UNITS_PER_BLOCK) + UNITS_PER_BLOCK
      const fileEnd = Math.ceil(document.size / UNIT_BYTES)
      const end = Math.min(firstUnit + count, blockEnd, fileEnd)
      const slices: BlockSlice[] = []
      for (let unit = firstUnit; unit < end; ) {
        const known = documents.get(document.id)?.get(unit)
        const until = endOfSame(documents.get(document.id), known, unit, end)
        const fetch = known ?? start(document, unit, until - unit)
        stats[known ? 'hits' : 'misses'] += until - unit
        slices.push(sliceOf(fetch, unit, until - unit))
        unit = until
      }
      return slices
    },
    get stats() {
      return { bytes: held.edge + held.middle, ...stats }
    },
  }
}

function kindOf(fetch: Fetch): 'edge' | 'middle' {
  return fetch.edge ? 'edge' : 'middle'
}

/** Where the units that share a fetch, or that are all missing, end. */
function endOfSame(
  units: Map<number, Fetch> | undefined,
  known: Fetch | undefined,
  from: number,
  end: number,
): number {
  let unit = from + 1
  while (unit < end && units?.get(unit) === known) unit++
  return unit
}
