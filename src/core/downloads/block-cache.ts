import { KiB, MiB } from '../../lib/units.ts'
import type { RemoteDocument, TelegramGateway } from '../ports/telegram.ts'

/** What is kept and asked for: 128 KiB. Aligned runs of it satisfy every rule of `upload.getFile`. */
export const UNIT_BYTES = 128 * KiB
const UNITS_PER_BLOCK = MiB / UNIT_BYTES
/** Players look at a file's first and last bytes again and again: these outlive the middle. */
const EDGE_BYTES = MiB

export interface BlockCacheOptions {
  gateway: Pick<TelegramGateway, 'readBlock'>
  /** Bytes kept at the most; 0 keeps none, requests under way are shared all the same. */
  maxBytes: number
}

/** Consecutive units of a document that come, or came, with one answer. */
export interface Stretch {
  /** First byte and number of bytes within the document; the last unit may pass its end. */
  readonly offset: number
  readonly length: number
  /** The bytes, less what lies beyond the end of the document. */
  readonly bytes: Promise<Uint8Array>
  /** Whether `bytes` is here already. */
  readonly ready: boolean
  /** Says that the caller is done waiting; a request nobody waits for is given up. */
  release: () => void
}

export interface BlockCache {
  /**
   * The units from `firstUnit` on, `count` of them or less up to the end of their 1 MiB block:
   * from memory, from requests of other readers, and the missing ones with one request per gap.
   */
  request: (document: RemoteDocument, firstUnit: number, count: number) => Stretch[]
  /** Bytes held now, and units served from memory or shared requests against those fetched. */
  readonly stats: { bytes: number; hits: number; misses: number }
}

/** One answer of Telegram, on its way or kept. */
interface Run {
  readonly documentId: string
  readonly firstUnit: number
  readonly count: number
  readonly bytes: Promise<Uint8Array>
  /** Bytes of memory once kept; null while on its way. */
  size: number | null
  readonly edge: boolean
  waiting: number
  readonly abort: AbortController
}

/** A bounded, single-flight memory of what was read, shared by all readers of a document. */
export function createBlockCache({ gateway, maxBytes }: BlockCacheOptions): BlockCache {
  const documents = new Map<string, Map<number, Run>>()
  // Insertion order is the order of last use; two lists, so that edges do not compete with middles.
  const kept = { edge: new Set<Run>(), middle: new Set<Run>() }
  const held = { edge: 0, middle: 0 }
  const stats = { hits: 0, misses: 0 }

  function start(document: RemoteDocument, firstUnit: number, count: number): Run {
    const abort = new AbortController()
    const offset = firstUnit * UNIT_BYTES
    const bytes = gateway.readBlock(document, { offset, length: count * UNIT_BYTES }, abort.signal)
    const end = offset + count * UNIT_BYTES
    const edge = offset < EDGE_BYTES || end > document.size - EDGE_BYTES
    const { id: documentId } = document
    const run: Run = { documentId, firstUnit, count, bytes, size: null, edge, waiting: 0, abort }
    index(run)
    bytes.then(
      (answer) => keep(run, answer.byteLength),
      () => forget(run),
    )
    return run
  }

  function index(run: Run): void {
    const units = documents.get(run.documentId) ?? new Map<number, Run>()
    documents.set(run.documentId, units)
    for (let unit = run.firstUnit; unit < run.firstUnit + run.count; unit++) units.set(unit, run)
  }

  function forget(run: Run): void {
    const units = documents.get(run.documentId)
    for (let unit = run.firstUnit; unit < run.firstUnit + run.count; unit++) {
      if (units?.get(unit) === run) units.delete(unit)
    }
    if (units?.size === 0) documents.delete(run.documentId)
    const kind = kindOf(run)
    if (kept[kind].delete(run)) held[kind] -= run.size ?? 0
  }

  function keep(run: Run, size: number): void {
    // It came too late for who wanted it, and nobody would find it here.
    if (run.abort.signal.aborted) return
    const kind = kindOf(run)
    run.size = size
    kept[kind].add(run)
    held[kind] += size
    while (held.edge + held.middle > maxBytes) {
      const [oldest] = kept.middle.size > 0 && held.edge <= maxBytes / 2 ? kept.middle : kept.edge
      forget(oldest ?? run)
    }
  }

  function use(run: Run): void {
    const list = kept[kindOf(run)]
    if (list.delete(run)) list.add(run)
  }

  function stretchOf(run: Run, firstUnit: number, count: number): Stretch {
    use(run)
    run.waiting++
    let released = false
    const from = (firstUnit - run.firstUnit) * UNIT_BYTES
    const length = count * UNIT_BYTES
    const bytes = run.bytes.then((answer) => answer.subarray(from, from + length))
    // Whoever releases a stretch does not hear of its failure.
    bytes.catch(() => {})
    return {
      offset: firstUnit * UNIT_BYTES,
      length,
      bytes,
      get ready() {
        return run.size !== null
      },
      release: () => {
        if (released) return
        released = true
        if (--run.waiting > 0 || run.size !== null) return
        forget(run)
        run.abort.abort()
      },
    }
  }

  return {
    request: (document, firstUnit, count) => {
      const blockEnd = firstUnit - (firstUnit % UNITS_PER_BLOCK) + UNITS_PER_BLOCK
      const fileEnd = Math.ceil(document.size / UNIT_BYTES)
      const end = Math.min(firstUnit + count, blockEnd, fileEnd)
      const stretches: Stretch[] = []
      for (let unit = firstUnit; unit < end; ) {
        const known = documents.get(document.id)?.get(unit)
        const until = endOfSame(documents.get(document.id), known, unit, end)
        const run = known ?? start(document, unit, until - unit)
        stats[known ? 'hits' : 'misses'] += until - unit
        stretches.push(stretchOf(run, unit, until - unit))
        unit = until
      }
      return stretches
    },
    get stats() {
      return { bytes: held.edge + held.middle, ...stats }
    },
  }
}

function kindOf(run: Run): 'edge' | 'middle' {
  return run.edge ? 'edge' : 'middle'
}

/** Where the units that share a run, or that are all missing, end. */
function endOfSame(
  units: Map<number, Run> | undefined,
  known: Run | undefined,
  from: number,
  end: number,
): number {
  let unit = from + 1
  while (unit < end && units?.get(unit) === known) unit++
  return unit
}
