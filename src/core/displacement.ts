import type { KeyedLock } from '../lib/keyed-lock.ts'
import type { Log } from './log.ts'
import type { Ledger } from './ports/ledger.ts'
import type { Upload } from './ports/records.ts'
import type { Spool } from './ports/spool.ts'
import type { Room } from './room.ts'
import type { UploadRemoval } from './upload-removal.ts'

/** So long a promise without a byte holds against another one, in milliseconds. */
const FIRM_MS = 60_000
/** So many uploads may give way to one. */
const MOST_DISPLACED = 100

/** An upload that is about to open. */
export interface Newcomer {
  owner: string
  size: number
  /** Bytes of it that are on the disk already. */
  presentBytes: number
}

export type Byteless = Pick<Upload, 'id' | 'owner' | 'size' | 'touchedAt'>

/**
 * Which uploads without a byte give way, so that `lackingBytes` more can be promised to a newcomer;
 * none where all that may would not suffice.
 *
 * Room that is only promised is worth less than room for bytes: all of it gives way to a newcomer
 * that has brought some. To one that has brought none, what has waited for a minute gives way, and
 * what belongs to a user who would still have more than the newcomer's. So whoever opens uploads
 * and sends nothing keeps nobody out, and among such users room is shared. Those of the user who
 * has most go first, the largest of them.
 */
export function chooseDisplaced(
  candidates: readonly Byteless[],
  { owner, size, presentBytes }: Newcomer,
  { lackingBytes, now }: { lackingBytes: number; now: number },
): Byteless[] {
  const sums = new Map<string, number>()
  for (const each of candidates) sums.set(each.owner, (sums.get(each.owner) ?? 0) + each.size)
  const claimed = (sums.get(owner) ?? 0) + size
  const givesWay = (each: Byteless): boolean =>
    presentBytes > 0 || now - each.touchedAt >= FIRM_MS || (sums.get(each.owner) ?? 0) > claimed
  const left = candidates.filter(givesWay).toSorted((a, b) => b.size - a.size)
  const chosen: Byteless[] = []
  let freed = 0
  while (freed < lackingBytes && chosen.length < MOST_DISPLACED) {
    const next = largestOf(left.filter(givesWay), sums)
    if (!next) return []
    left.splice(left.indexOf(next), 1)
    sums.set(next.owner, (sums.get(next.owner) ?? 0) - next.size)
    chosen.push(next)
    freed += next.size
  }
  return freed < lackingBytes ? [] : chosen
}

/** The first, and so the largest, of the owner who has most. */
function largestOf(left: readonly Byteless[], sums: ReadonlyMap<string, number>): Byteless | null {
  let found: Byteless | null = null
  for (const each of left) {
    if (!found || (sums.get(each.owner) ?? 0) > (sums.get(found.owner) ?? 0)) found = each
  }
  return found
}

export interface DisplacementOptions {
  ledger: Pick<Ledger, 'bytelessUploads' | 'chunks' | 'findUpload' | 'stream'>
  spool: Pick<Spool, 'grownBytes'>
  room: Pick<Room, 'look'>
  removal: Pick<UploadRemoval, 'remove'>
  locks: KeyedLock
  now: () => number
  log: Log
}

export interface Displacement {
  /**
   * Makes room for a newcomer, where uploads without a byte are in its way, and then runs `work`.
   * One newcomer after another: what was freed for one is not taken by the next.
   */
  before: <T>(newcomer: Newcomer, work: () => Promise<T>) => Promise<T>
  /** Resolves when no room is being made: whoever opens an upload meanwhile would take it. */
  settled: () => Promise<void>
}

export function createDisplacement(options: DisplacementOptions): Displacement {
  const { ledger, spool, room, removal, locks, now, log } = options
  let last: Promise<void> = Promise.resolve()

  async function isByteless({ id }: Pick<Byteless, 'id'>): Promise<boolean> {
    const upload = ledger.findUpload(id)
    if (upload?.state !== 'receiving' || ledger.chunks(id).length > 0) return false
    return ledger.stream(id) === null || (await spool.grownBytes({ uploadId: id, index: 0 })) === 0
  }

  /** Of a stream only the disk knows whether it has begun. */
  async function choose(newcomer: Newcomer, lackingBytes: number): Promise<Byteless[]> {
    // Nothing here waits for the lock of another upload, whose holder may wait for this.
    let candidates: Byteless[] = ledger.bytelessUploads().filter(({ id }) => !locks.isHeld(id))
    for (;;) {
      const chosen = chooseDisplaced(candidates, newcomer, { lackingBytes, now: now() })
      const begun = new Set<Byteless>()
      for (const each of chosen) if (!(await isByteless(each))) begun.add(each)
      if (begun.size === 0) return chosen
      candidates = candidates.filter((each) => !begun.has(each))
    }
  }

  async function makeRoom(newcomer: Newcomer): Promise<void> {
    const lacking = await room.look()
    const lackingBytes = lacking(newcomer.size, newcomer.presentBytes)
    if (lackingBytes <= 0) return
    for (const each of await choose(newcomer, lackingBytes)) {
      if (locks.isHeld(each.id)) continue
      await locks.run(each.id, async () => {
        if (!(await isByteless(each))) return
        await removal.remove(each.id)
        log.info({ uploadId: each.id }, 'an upload without a byte gave its room to another')
      })
    }
  }

  return {
    before: (newcomer, work) => {
      const result = last.then(() => makeRoom(newcomer)).then(work)
      last = result.then(
        () => {},
        () => {},
      )
      return result
    },
    settled: () => last,
  }
}
