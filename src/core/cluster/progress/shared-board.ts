import { createTtlCache } from '../../../lib/ttl-cache.ts'
import { createCondition } from '../../../lib/waiting/condition.ts'
import { sleep } from '../../../lib/waiting/sleep.ts'
import type { NodeAddress } from '../../ports/cluster/leases.ts'
import type { Peers } from '../../ports/cluster/peers.ts'
import type { WatchedRows } from '../../ports/cluster/watched-rows.ts'
import type { Log } from '../../ports/log.ts'
import type { Upload } from '../../ports/records.ts'
import { progressOfJob } from '../../progress/library-job-progress.ts'
import type { Progress, ProgressBoard, ProgressSubject } from '../../progress/progress-board.ts'
import { createOwnProgress } from './answer-progress.ts'
import { createCarriers } from './carriers.ts'
import { mergeProgress, type Teller } from './merge.ts'

export interface SharedBoardOptions {
  self: NodeAddress
  peers: Pick<Peers, 'ask' | 'answer'>
  rows: WatchedRows
  /** Whether the job of an upload, or of the library, runs at this node. */
  isHere: (id: string) => boolean
  /** The ledger's time. */
  now: () => number
  log: Log
  /** Aborts when the node stops. */
  signal: AbortSignal
}

const LOOK_EVERY_MS = 1_000
/** The same while something that is watched is about to be carried. */
const LOOK_SOON_MS = 150
/** Between two looks, however much changes. */
const LEAST_MS = 50
/** A client polls once a second. */
const POLLED_MS = 3_000
/** What has not begun within that time after its last chunk waits for longer. */
const BEGINS_WITHIN_MS = 10_000
const ENDED_MS = 60_000
/** Another node goes on with an upload within seconds. */
const TOLD_HERE_MS = 600_000
const MAX_ENDED = 50_000

/** What is known here of an upload, or a job, that another node carries. */
interface Elsewhere {
  readonly owner: string
  /** Tells an upload from the one that had its id before. */
  readonly birth: string
  /** As listeners were told it. */
  told: Progress | null
  /** By `now`, until when Telegram has asked its carrier to wait. */
  waitUntil: number
}

interface SeenRow {
  readonly id: string
  readonly owner: string
  readonly birth: string
  readonly progress: Progress
  readonly endedAt: number | null
  /** When something has come for it, or was changed. */
  readonly movedAt: number
  readonly carrier: NodeAddress | null
}

/**
 * The board of a node of a cluster. What is carried here is told as by the board of a worker that is
 * alone. What listeners here want to hear of, or have polled just now, and other nodes carry, is told by
 * those nodes as it goes on, and by the rows once a second. An end is told by whichever is first, once.
 */
export function shareBoard(board: ProgressBoard, options: SharedBoardOptions): ProgressBoard {
  const { self, peers, rows, isHere, now, log, signal } = options
  const own = createOwnProgress({ isHere })
  const carriers = createCarriers({
    peers,
    log,
    onChange: ({ uploadId, progress }) => {
      if (isHere(uploadId)) return
      if (progress === null) gone(uploadId)
      else apply(uploadId, progress, 'carrier')
    },
  })
  const ids = new Map<string, number>()
  /** Since when they are listened for. */
  const owners = new Map<string, { listeners: number; since: number }>()
  const polled = createTtlCache<true>({ maxEntries: MAX_ENDED })
  const polledIds = new Set<string>()
  const elsewhere = new Map<string, Elsewhere>()
  /** What this node's own jobs have told last. */
  const toldHere = createTtlCache<{ birth: string; progress: Progress }>({ maxEntries: MAX_ENDED })
  const ended = createTtlCache<string>({ maxEntries: MAX_ENDED })
  const news = createCondition()
  let changes = 0
  let looking = false

  peers.answer('progress', own.answer)

  function wake(): void {
    changes++
    news.changed()
    if (looking || signal.aborted) return
    looking = true
    void look().finally(() => {
      looking = false
    })
  }

  function isWatched(id: string, owner: string): boolean {
    return ids.has(id) || owners.has(owner) || polled.get(id) === true
  }

  /** Looks at the rows for as long as anything is watched. */
  async function look(): Promise<void> {
    for (;;) {
      const seen = changes
      const named = watchedIds()
      if (signal.aborted || ids.size + owners.size + polledIds.size === 0) break
      let timeoutMs = LOOK_EVERY_MS
      try {
        if (await lookOnce(named)) timeoutMs = LOOK_SOON_MS
      } catch (err) {
        log.debug({ err }, 'the rows of what is watched cannot be read now')
      }
      await sleep(LEAST_MS)
      await news.until(() => changes !== seen || signal.aborted, { timeoutMs })
    }
    carriers.ask(new Map())
    elsewhere.clear()
  }

  function watchedIds(): string[] {
    for (const id of polledIds) if (!polled.get(id)) polledIds.delete(id)
    for (const [id, { owner }] of elsewhere) if (!isWatched(id, owner)) elsewhere.delete(id)
    // What an owner's listeners have heard of is looked at until it has ended.
    const known = [...elsewhere].filter(
      ([, { told }]) => told?.status !== 'failed' && told?.status !== 'completed',
    )
    const all = new Set([...ids.keys(), ...polledIds, ...known.map(([id]) => id)])
    return [...all].filter((id) => !isHere(id))
  }

  /** Resolves with whether something waits to be carried. */
  async function lookOnce(named: readonly string[]): Promise<boolean> {
    // All of it is carried here.
    if (named.length === 0 && owners.size === 0) {
      carriers.ask(new Map())
      return false
    }
    const found = await rows.watchedRows({ ids: named, owners: [...owners.keys()] })
    const seen: SeenRow[] = [
      ...found.uploads.map(({ upload, carrier }) => ofUpload(upload, carrier)),
      ...found.jobs.map(({ job, carrier }) => ({
        ...{ id: job.id, owner: job.key.owner, birth: job.id, carrier },
        ...{ endedAt: job.finishedAt, movedAt: job.createdAt },
        progress: progressOfJob(job, 0, now()),
      })),
    ]
    const wanted = new Map<NodeAddress, string[]>()
    let waits = false
    for (const row of seen) {
      if (isHere(row.id)) continue
      applyRow(row)
      if (row.progress.status !== 'uploading') continue
      if (row.carrier === null) waits ||= now() - row.movedAt < BEGINS_WITHIN_MS
      else if (row.carrier !== self)
        wanted.set(row.carrier, [...(wanted.get(row.carrier) ?? []), row.id])
    }
    const there = new Set(seen.map(({ id }) => id))
    for (const id of named) if (!there.has(id) && !isHere(id)) gone(id)
    carriers.ask(wanted)
    return waits
  }

  function ofUpload(upload: Upload, carrier: NodeAddress | null): SeenRow {
    // What its job has told here before another node went on with it.
    if (!isHere(upload.id)) board.release(upload.id)
    const { id, owner, captionId: birth, finishedAt: endedAt, touchedAt: movedAt } = upload
    return { id, owner, birth, endedAt, movedAt, carrier, progress: board.of(upload) }
  }

  function applyRow(row: SeenRow): void {
    const { id, owner, birth, progress, carrier } = row
    if (elsewhere.get(id)?.birth !== birth) {
      elsewhere.delete(id)
      // Its listeners have heard of that end, or it was over before they came.
      const isOver = progress.status !== 'uploading'
      const since = owners.get(owner)?.since ?? Number.POSITIVE_INFINITY
      if (isOver && !ids.has(id) && (row.endedAt ?? 0) < since) return
      if (isOver && ended.get(id) === endOf(birth, progress)) return
      if (!isOver) ended.delete(id)
      begin(id, { owner, birth })
    }
    if (progress.status !== 'uploading' || !carriers.tells(carrier, id)) apply(id, progress, 'rows')
  }

  /** Another node goes on from where this one has told it, even if its rows are behind. */
  function begin(id: string, { owner, birth }: Pick<Elsewhere, 'owner' | 'birth'>): void {
    const here = toldHere.get(id)
    const told = here?.birth === birth ? here.progress : null
    elsewhere.set(id, { owner, birth, told, waitUntil: 0 })
  }

  function apply(id: string, progress: Progress, teller: Teller): void {
    const known = elsewhere.get(id)
    if (!known) return
    const next = teller === 'rows' ? stillWaiting(known, progress) : progress
    const isWait = next.phase === 'waiting' && next.retryAfter !== null
    if (teller === 'carrier') known.waitUntil = isWait ? now() + (next.retryAfter ?? 0) * 1000 : 0
    const merged = mergeProgress(known.told, next, teller)
    if (merged === null) return
    known.told = merged
    if (merged.status !== 'uploading') {
      const end = endOf(known.birth, merged)
      if (ended.get(id) === end) return
      ended.set(id, end, ENDED_MS)
    }
    board.tell({ id, owner: known.owner }, merged)
  }

  /** Rows know of no wait that Telegram has asked for. */
  function stillWaiting({ told, waitUntil }: Elsewhere, row: Progress): Progress {
    if (told === null || row.status !== 'uploading' || waitUntil <= now()) return row
    return { ...told, progress: row.progress }
  }

  function gone(id: string): void {
    const known = elsewhere.get(id)
    if (!known || ended.get(id) === GONE) return
    elsewhere.delete(id)
    ended.set(id, GONE, ENDED_MS)
    // A finished one is forgotten after an hour, which is no news.
    if (known.told?.status !== 'uploading') return
    board.forget({ id, owner: known.owner })
  }

  /**
   * What another node carries, as it was told last. Listeners hear of what this row tells beyond that, so
   * that what they hear next is not behind the answer.
   */
  function merged(upload: Upload): Progress {
    const { id, owner, captionId: birth } = upload
    board.release(id)
    const row = board.of(upload)
    if (row.status !== 'uploading') return row
    polled.set(id, true, POLLED_MS)
    polledIds.add(id)
    if (elsewhere.get(id)?.birth !== birth) {
      begin(id, { owner, birth })
      wake()
    } else if (!looking) wake()
    apply(id, row, 'rows')
    const { told = null, waitUntil = 0 } = elsewhere.get(id) ?? {}
    if (told?.phase !== 'waiting') return told ?? row
    const waitMs = waitUntil - now()
    if (waitMs > 0) return { ...told, retryAfter: Math.ceil(waitMs / 1000) }
    return { ...row, progress: Math.max(told.progress, row.progress) }
  }

  function listen(subject: ProgressSubject): () => void {
    if ('uploadId' in subject) {
      const { uploadId } = subject
      ids.set(uploadId, (ids.get(uploadId) ?? 0) + 1)
      return () => {
        const left = (ids.get(uploadId) ?? 1) - 1
        if (left === 0) ids.delete(uploadId)
        else ids.set(uploadId, left)
      }
    }
    const { owner } = subject
    const watched = owners.get(owner) ?? { listeners: 0, since: now() }
    owners.set(owner, watched)
    watched.listeners++
    return () => {
      watched.listeners--
      if (watched.listeners === 0 && owners.get(owner) === watched) owners.delete(owner)
    }
  }

  return {
    ...board,
    of: (upload) => (isHere(upload.id) ? board.of(upload) : merged(upload)),
    report: (upload, event) => {
      ended.delete(upload.id)
      board.report(upload, event)
      const progress = board.of(upload)
      toldHere.set(upload.id, { birth: upload.captionId, progress }, TOLD_HERE_MS)
      own.note(progress, upload.id)
    },
    refresh: (upload) => {
      if (isHere(upload.id)) own.note(board.of(upload), upload.id)
      board.refresh(upload)
    },
    finish: (upload) => {
      const progress = board.of(upload)
      own.note(progress, upload.id)
      const end = endOf(upload.captionId, progress)
      const isTold = ended.get(upload.id) === end
      ended.set(upload.id, end, ENDED_MS)
      elsewhere.delete(upload.id)
      if (isTold) board.release(upload.id)
      else board.finish(upload)
    },
    forget: (upload) => {
      own.note(null, upload.id)
      elsewhere.delete(upload.id)
      if (ended.get(upload.id) === GONE) return board.release(upload.id)
      ended.set(upload.id, GONE, ENDED_MS)
      board.forget(upload)
    },
    tell: (subject, progress) => {
      own.note(progress, subject.id)
      if (progress.status !== 'uploading')
        ended.set(subject.id, endOf(subject.id, progress), ENDED_MS)
      board.tell(subject, progress)
    },
    subscribe: (subject, listener) => {
      const unsubscribe = board.subscribe(subject, listener)
      const leave = listen(subject)
      let listens = true
      wake()
      return () => {
        unsubscribe()
        if (!listens) return
        listens = false
        leave()
        wake()
      }
    },
  }
}

const GONE = 'gone'

function endOf(birth: string, { phase }: Progress): string {
  return `${phase} ${birth}`
}
