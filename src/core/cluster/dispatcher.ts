import { AppError } from '../../errors.ts'
import { createKeyedLock } from '../../lib/concurrency/keyed-lock.ts'
import { createSemaphore } from '../../lib/concurrency/semaphore.ts'
import { createTtlCache } from '../../lib/ttl-cache.ts'
import { createCondition } from '../../lib/waiting/condition.ts'
import { uploadCancelled, uploadGone } from '../model/cancellation.ts'
import type { Lease, LeaseName, Leases, NodeAddress } from '../ports/cluster/leases.ts'
import type { Peers } from '../ports/cluster/peers.ts'
import type { ClaimableTransfer, TransferClaims } from '../ports/cluster/transfer-claims.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Log } from '../ports/log.ts'
import type { Upload } from '../ports/records.ts'
import type { JobQueue } from '../runtime/job-queue.ts'
import type { LocalTransfers } from '../transfers/transfer.ts'
import { type CarriedChange, changeOf } from './carried-changes.ts'
import { hasRoom, type NodeLoad } from './placing.ts'
import type { UploadAccounts } from './upload-accounts.ts'
import { parseNews, parseStop, type UploadNews } from './upload-news.ts'
import type { Wakes } from './wakes.ts'

export interface DispatcherOptions {
  leases: Leases
  claims: TransferClaims
  peers: Pick<Peers, 'answer'>
  wakes: Wakes
  ledger: Pick<Ledger, 'findUpload'>
  accounts: UploadAccounts
  transfers: Pick<
    LocalTransfers,
    'carry' | 'carries' | 'add' | 'knownChunks' | 'knowsSeal' | 'reload' | 'ended' | 'stop'
  >
  queue: Pick<JobQueue, 'stages'>
  /** Files, or volumes, that this node sends at one time. */
  concurrency: number
  /** Milliseconds after which an upload that is whole is given up. */
  maxDurationMs: number
  /** The ledger's time. */
  now: () => number
  log: Log
}

/** Decides which uploads this node carries. The rows are the truth: all that nodes tell each other are hints. */
export interface Dispatcher {
  /** Begins to look for uploads that can go on, and more seldom for other work, by these calls. */
  start: (others?: readonly (() => Promise<void>)[]) => void
  /** Something has come for an upload that no job carries here. */
  wanted: (upload: Upload, news: UploadNews) => void
  /** Called when a job has to wait: a long wait is not waited for by a node. */
  waits: (upload: Upload, delayMs: number) => void
  /** Stops the upload's job here, if any, and begins none for some seconds. Resolves when it has let go. */
  stopHere: (uploadId: string, reason: AppError) => Promise<void>
  /** Claims no more. Resolves when nothing is being claimed. */
  close: () => Promise<void>
  /** Resolves when all that was carried here has been left to others. */
  left: () => Promise<void>
}

/** How often the rows are looked at, in milliseconds, more or less. */
const LOOK_EVERY_MS = 1_000
/**
 * Other work is looked for with each so many of these looks, and so is whether an upload that is whole
 * was cancelled or carried elsewhere, which its node is told as well.
 */
const OTHERS_EVERY = 3
/** Uploads that are claimed in one look. */
const CLAIMS = 100
/** Uploads of which it is asked at one time whose they are. */
const ASKED_AT_ONCE = 8
/** For how long it is believed that another node has an upload's account. */
const ELSEWHERE_MS = 5_000
/** For how long no node begins an upload's job after that was stopped. */
const STOPPED_MS = 5_000
/**
 * An upload whose job has ended without an end of the upload is claimed again after so long: its account
 * was another node's, say, or has changed.
 */
const AGAIN_MS = 2_000
/** Longer waits are not waited for with an upload in hand. */
const LONGEST_WAIT_MS = 60_000
/** An account counts as busy for so long after its last upload was claimed. */
const FRESH_MS = 2_000
/** An account stays for so long without uploads: another one may be on its way. */
const LINGER_MS = 5_000
const MAX_REMEMBERED = 20_000

type Look = () => Promise<void>

interface Carried {
  readonly account: LeaseName
  /** When it may be claimed again, should its job end before the upload does. */
  notBefore: (() => number | null) | null
  left: Promise<void>
}

interface HeldAccount {
  readonly lease: Lease
  readonly uploads: Set<string>
  /** By `performance.now()`. */
  usedAt: number
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { leases, claims, wakes, ledger, accounts, transfers, queue, now, log } = options
  const carried = new Map<string, Carried>()
  const held = new Map<LeaseName, HeldAccount>()
  const claiming = new Map<string, Promise<NodeAddress | null>>()
  const asking = createSemaphore(ASKED_AT_ONCE)
  const turns = createKeyedLock()
  const remembered = { maxEntries: MAX_REMEMBERED }
  const elsewhere = createTtlCache<NodeAddress>(remembered)
  const stopped = createTtlCache<true>(remembered)
  const hints = createCondition()
  let isHinted = false
  /** Accounts that are about to come here. */
  let coming = 0
  let loop: { stop: AbortController; ended: Promise<void> } | null = null

  function mayCarry(uploadId: string): boolean {
    return loop !== null && !stopped.get(uploadId) && !transfers.carries(uploadId)
  }

  /** Carries the upload here, if this node may. Resolves with the node that has its account otherwise. */
  function claim(uploadId: string, how: Claiming): Promise<NodeAddress | null> {
    const running = claiming.get(uploadId)
    if (running !== undefined) return running
    const claimed = claimInTurn(uploadId, how)
      .catch((err: unknown) => {
        log.debug({ uploadId, err }, 'an upload cannot be claimed now')
        return null
      })
      .finally(() => claiming.delete(uploadId))
    claiming.set(uploadId, claimed)
    return claimed
  }

  async function claimInTurn(uploadId: string, how: Claiming): Promise<NodeAddress | null> {
    if (!mayCarry(uploadId)) return null
    const account = await accountOf(uploadId)
    // Its uploads begin in the order in which they were asked for.
    return turns.run(account, () => claimAs(account, uploadId, how))
  }

  async function accountOf(uploadId: string): Promise<LeaseName> {
    const release = await asking.acquire(1)
    return accounts.of(uploadId).finally(release)
  }

  async function claimAs(
    account: LeaseName,
    uploadId: string,
    how: Claiming,
  ): Promise<NodeAddress | null> {
    if (!mayCarry(uploadId)) return null
    if (how.isFree && !held.has(account) && !hasRoom(load())) return null
    const idle = held.get(account)
    // It is not given up in the meantime.
    if (idle) idle.usedAt = performance.now()
    else coming++
    try {
      const acquired = await leases.acquire(account)
      if (acquired.kind === 'elsewhere') {
        elsewhere.set(uploadId, acquired.holder, ELSEWHERE_MS)
        return acquired.holder
      }
      await claimHeld(uploadId, acquired.lease, how.upload)
      return null
    } finally {
      if (!idle) coming--
    }
  }

  function load(): NodeLoad {
    const stages = queue.stages()
    const busy = [...held.values()].filter(({ uploads, usedAt }) => {
      if (performance.now() - usedAt < FRESH_MS) return uploads.size > 0
      return [...uploads].some((id) => (stages.get(id) ?? 'idle') !== 'idle')
    })
    return { concurrency: options.concurrency, busyAccounts: busy.length + coming }
  }

  async function claimHeld(uploadId: string, lease: Lease, known: Upload | null): Promise<void> {
    const account = lease.name
    const entry = hold(lease)
    entry.uploads.add(uploadId)
    try {
      const claimed = { uploadId, account, node: leases.self }
      if ((await claims.claimTransfer(claimed)) === null) return
      // Where it cannot be read now, it is left, and claimed again.
      const upload = known ?? (await ledger.findUpload(uploadId).catch(() => null))
      // It may have been stopped, and the account lost, since the claim was written.
      const begins = upload !== null && mayCarry(uploadId) && !lease.lost.aborted
      if (!begins || !transfers.carry(upload)) {
        await leave(uploadId, stopped.get(uploadId) ? now() + STOPPED_MS : null)
        return
      }
      const entryOf: Carried = { account, notBefore: null, left: Promise.resolve() }
      carried.set(uploadId, entryOf)
      entryOf.left = transfers.ended(uploadId).then(() => ended(uploadId, entryOf))
    } finally {
      if (!carried.has(uploadId)) entry.uploads.delete(uploadId)
    }
  }

  function hold(lease: Lease): HeldAccount {
    const known = held.get(lease.name)
    if (known?.lease === lease || known?.lease.epoch === lease.epoch) {
      known.usedAt = performance.now()
      return known
    }
    const entry = { lease, uploads: new Set<string>(), usedAt: performance.now() }
    held.set(lease.name, entry)
    const lose = (): void => {
      if (held.get(lease.name) === entry) held.delete(lease.name)
      for (const uploadId of entry.uploads) void stop(uploadId, elsewhereNow(), () => null)
    }
    if (lease.lost.aborted) lose()
    else lease.lost.addEventListener('abort', lose, { once: true })
    return entry
  }

  /** The job's last write is done. */
  async function ended(uploadId: string, { account, notBefore }: Carried): Promise<void> {
    carried.delete(uploadId)
    // Where the upload has ended with its job, this changes nothing.
    await leave(uploadId, notBefore === null ? now() + AGAIN_MS : notBefore())
    accounts.forget(uploadId)
    const entry = held.get(account)
    if (!entry?.uploads.delete(uploadId)) return
    entry.usedAt = performance.now()
    // Another one may wait for the slot that is free now.
    hint()
  }

  async function leave(uploadId: string, notBefore: number | null): Promise<void> {
    await claims.leaveTransfer(uploadId, notBefore).catch((err: unknown) => {
      log.debug({ uploadId, err }, 'an upload is left to others once this node is gone')
    })
  }

  function stop(
    uploadId: string,
    reason: AppError,
    notBefore: () => number | null = () => now() + STOPPED_MS,
  ): Promise<void> {
    const entry = carried.get(uploadId)
    if (entry) entry.notBefore = notBefore
    return transfers.stop(uploadId, reason)
  }

  async function lookAtCarried(isAll: boolean): Promise<void> {
    const ids = [...carried.keys()].filter((id) => isAll || !transfers.knowsSeal(id))
    if (ids.length === 0) return
    const rows = new Map((await claims.carriedUploads(ids)).map((row) => [row.uploadId, row]))
    await Promise.all(
      ids.map(async (uploadId) => {
        const chunks = transfers.knownChunks(uploadId)
        if (chunks === null) return
        const isSealed = transfers.knowsSeal(uploadId)
        await apply(uploadId, changeOf({ chunks, isSealed }, rows.get(uploadId) ?? null))
      }),
    )
  }

  async function apply(uploadId: string, change: CarriedChange): Promise<void> {
    switch (change) {
      case 'none':
        return
      case 'reload':
        return transfers.reload(uploadId)
      case 'lost':
        return stop(uploadId, elsewhereNow(), () => null)
      case 'cancelled':
        return stop(uploadId, uploadCancelled())
      case 'gone':
        return stop(uploadId, uploadGone())
    }
  }

  async function lookForMore(): Promise<void> {
    const found = await claims.claimableTransfers(leases.self, CLAIMS)
    const isElsewhere = ({ uploadId, account }: ClaimableTransfer): boolean =>
      // Under a lease that is named it was carried by a node that is gone.
      account === null && elsewhere.get(uploadId) !== undefined
    const free = found.filter((one) => mayCarry(one.uploadId) && !isElsewhere(one))
    await Promise.all(
      free.map(async ({ uploadId }) => {
        const holder = await claim(uploadId, { upload: null, isFree: true })
        if (holder !== null) wakes.tell(holder, lookAt(uploadId))
      }),
    )
  }

  async function releaseIdle(): Promise<void> {
    for (const [name, { uploads, usedAt }] of held) {
      if (uploads.size > 0 || performance.now() - usedAt < LINGER_MS) continue
      held.delete(name)
      await leases.release(name)
    }
  }

  async function look(parts: readonly Look[]): Promise<void> {
    for (const part of parts) {
      await part().catch((err: unknown) => {
        log.debug({ err }, 'work that can go on cannot be looked for now')
      })
    }
  }

  async function run(others: readonly Look[], signal: AbortSignal): Promise<void> {
    for (let looks = 0; !signal.aborted; looks++) {
      isHinted = false
      const isAll = looks % OTHERS_EVERY === 0
      await look([() => lookAtCarried(isAll), lookForMore, releaseIdle])
      if (isAll) await look(others)
      // Not all nodes at the same moment.
      const timeoutMs = LOOK_EVERY_MS * (0.8 + 0.4 * Math.random())
      await hints.until(() => isHinted || signal.aborted, { timeoutMs })
    }
  }

  function hint(): void {
    isHinted = true
    hints.changed()
  }

  async function stopHere(uploadId: string, reason: AppError): Promise<void> {
    stopped.set(uploadId, true, STOPPED_MS)
    await claiming.get(uploadId)
    const left = carried.get(uploadId)?.left
    await stop(uploadId, reason)
    await left
  }

  /** What another node says of an upload. */
  function heard(news: UploadNews): void {
    const { uploadId, chunkSize, chunks, look } = news
    if (!transfers.carries(uploadId)) {
      // The account is here, or was: nobody else may take it.
      void claim(uploadId, { upload: null, isFree: false })
      return
    }
    for (const index of chunks) transfers.add(uploadId, { index, chunkSize })
    if (!look) return
    transfers.reload(uploadId).catch((err: unknown) => {
      log.debug({ uploadId, err }, 'an upload is looked at once more in a second')
    })
  }

  options.peers.answer('wake', async (body) => {
    const uploads = parseNews(body)
    for (const news of uploads) heard(news)
    if (uploads.length === 0) hint()
    return null
  })
  options.peers.answer('stop', async (body) => {
    const asked = parseStop(body)
    if (asked === null) throw new AppError('INVALID_REQUEST', 'This stops nothing')
    await stopHere(asked.uploadId, asked.isCancelled ? uploadCancelled() : uploadGone())
    return null
  })

  return {
    start: (others = []) => {
      if (loop !== null) return
      const stop = new AbortController()
      loop = { stop, ended: Promise.resolve() }
      loop.ended = run(others, stop.signal)
    },
    wanted: (upload, news) => {
      const known = elsewhere.get(upload.id)
      if (known !== undefined) {
        wakes.tell(known, news)
        return
      }
      void claim(upload.id, { upload, isFree: true }).then((holder) => {
        if (holder !== null) wakes.tell(holder, news)
      })
    },
    waits: ({ id, sealedAt }, delayMs) => {
      if (delayMs <= LONGEST_WAIT_MS || !carried.has(id)) return
      // A job that has waited for long keeps its upload until it gives it up.
      if (sealedAt !== null && now() + delayMs - sealedAt > options.maxDurationMs) return
      const until = now() + delayMs
      void stop(id, new AppError('BUSY', 'Telegram asks to wait'), () => until)
    },
    stopHere,
    close: async () => {
      const closing = loop
      loop = null
      closing?.stop.abort()
      hints.changed()
      await closing?.ended
      await Promise.all(claiming.values())
      for (const entry of carried.values()) entry.notBefore ??= () => null
    },
    left: async () => {
      await Promise.all([...carried.values()].map(({ left }) => left))
    },
  }
}

interface Claiming {
  /** Its row, where that was read just now. */
  upload: Upload | null
  /** Whether no node may have the account, so that this one leaves it to others while it is busy. */
  isFree: boolean
}

function lookAt(uploadId: string): UploadNews {
  return { uploadId, chunkSize: null, chunks: [], look: true }
}

function elsewhereNow(): AppError {
  return new AppError('LEASE_LOST', 'Another node goes on with this upload')
}
