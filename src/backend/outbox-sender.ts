import type { Ledger } from '../core/ports/ledger.ts'
import type { Log } from '../core/ports/log.ts'
import type { WebhookEvent } from '../core/ports/records.ts'
import { AppError } from '../errors.ts'
import { createCondition } from '../lib/waiting/condition.ts'
import { backoff } from '../lib/waiting/retry.ts'

const FIRST_DELAY_MS = 1_000
const LONGEST_DELAY_MS = 15 * 60_000
/** How long a webhook that the backend refuses is tried before it is given up. */
const REFUSED_FOR_MS = 24 * 3_600_000
const AT_ONCE = 4
/** The longest back-off of a webhook that failed because the backend as a whole is down. */
const LONGEST_WHILE_DOWN_MS = 60_000
/** After the ledger itself failed, and the longest sleep between two looks into it. */
const LEDGER_FAILED_MS = 5_000
const LONGEST_SLEEP_MS = 60 * 60_000
/** Where nodes share the outbox: how long a webhook is one node's, far longer than it takes to send it. */
const CLAIM_MS = 40_000
/** The longest sleep then: a node that is killed notifies no other. */
const LONGEST_SHARED_SLEEP_MS = 10_000

export interface OutboxSenderOptions {
  ledger: Pick<
    Ledger,
    'dueWebhooks' | 'releaseWebhook' | 'nextWebhookAt' | 'postponeWebhook' | 'deleteWebhook'
  >
  /** Whether other nodes send what is in the same outbox. */
  isShared?: boolean
  /**
   * Rejects with an AppError: one that is not retryable means that the backend refused, one with
   * `peerDown` that it is down; without a cause nothing was sent then.
   */
  deliver: (event: WebhookEvent, signal: AbortSignal) => Promise<void>
  log: Log
  now?: () => number
}

export interface OutboxSender {
  /** Says that a webhook was written just now. */
  notify: () => void
  /** Stops; what is on its way is given up and sent again after the next start. */
  close: () => Promise<void>
}

/**
 * Empties the outbox for as long as the process lives: every webhook at least once, each with a
 * back-off of its own, so that one the backend cannot take holds up no other. Where nodes share the outbox,
 * each webhook is one node's while that sends it; what a node that is killed was sending goes within a
 * minute.
 */
export function createOutboxSender({
  ledger,
  isShared = false,
  deliver,
  log,
  now = Date.now,
}: OutboxSenderOptions): OutboxSender {
  const longestSleepMs = isShared ? LONGEST_SHARED_SLEEP_MS : LONGEST_SLEEP_MS
  const closing = new AbortController()
  const changes = createCondition()
  /** Since the last round has begun. */
  let notified = false
  let downUntil = 0
  /** Delivered, while their rows could not go: never more than one round's. */
  const delivered = new Set<string>()

  async function send(event: WebhookEvent): Promise<void> {
    try {
      await deliver(event, closing.signal)
    } catch (error) {
      if (closing.signal.aborted) await release(event)
      else await putOff(event, error)
      return
    }
    delivered.add(event.id)
    await forget(event.id)
  }

  async function forget(id: string): Promise<void> {
    await ledger.deleteWebhook(id)
    delivered.delete(id)
  }

  /** What was not sent stays due, as it was. */
  async function release({ id }: WebhookEvent): Promise<void> {
    if (isShared) await ledger.releaseWebhook(id, now())
  }

  async function putOff(event: WebhookEvent, error: unknown): Promise<void> {
    const down = error instanceof AppError && error.peerDown
    if (down) downUntil = now() + (error.retryAfter ?? 1) * 1000 + backoff(1, { baseMs: 1_000 })
    if (down && error.cause === undefined) return release(event)
    const fields = { err: error, webhook: event.id, uploadId: event.uploadId }
    const refused = error instanceof AppError && !error.retryable
    if (refused && now() - event.createdAt >= REFUSED_FOR_MS) {
      log.error(fields, 'the backend refused a webhook for a day: it is dropped')
      await ledger.deleteWebhook(event.id)
      return
    }
    const longest = down ? LONGEST_WHILE_DOWN_MS : LONGEST_DELAY_MS
    const delay = refused ? jitter(longest) : delayAfter(event.attempts + 1, longest)
    const askedFor = error instanceof AppError ? (error.retryAfter ?? 0) * 1000 : 0
    // Whole milliseconds: the ledger takes no others.
    const delayMs = Math.ceil(Math.max(delay, askedFor))
    log.warn({ ...fields, delayMs }, 'a webhook was not delivered')
    await ledger.postponeWebhook(event.id, now() + delayMs)
  }

  /** One round; returns for how long there is nothing to do, in milliseconds. */
  async function round(): Promise<number> {
    if (now() < downUntil) return downUntil - now()
    const forgotten = await Promise.allSettled([...delivered].map(forget))
    const until = isShared ? now() + CLAIM_MS : undefined
    const found = await ledger.dueWebhooks(now(), AT_ONCE, until)
    const due = found.filter(({ id }) => !delivered.has(id))
    // All of them end before the next round, so that none is on its way twice.
    const sent = await Promise.allSettled(due.map(send))
    const failed = [...forgotten, ...sent].find(isRejected)
    if (failed) throw failed.reason
    if (due.length > 0) return 0
    const next = await ledger.nextWebhookAt()
    return Math.min(next === null ? Number.POSITIVE_INFINITY : next - now(), longestSleepMs)
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      notified = false
      const idleMs = await round().catch((error: unknown) => {
        log.error({ err: error }, 'the outbox cannot be read or written')
        return LEDGER_FAILED_MS
      })
      const goesOn = (): boolean => notified || closing.signal.aborted
      if (idleMs > 0) await changes.until(goesOn, { timeoutMs: idleMs })
    }
  }

  const running = run()
  return {
    notify: () => {
      notified = true
      changes.changed()
    },
    close: async () => {
      closing.abort()
      changes.changed()
      await running
    },
  }
}

/** Milliseconds from 1 s to 15 min, doubling, with jitter over the upper half. */
function delayAfter(attempt: number, longestMs: number): number {
  return jitter(Math.min(longestMs, FIRST_DELAY_MS * 2 ** attempt))
}

function jitter(ms: number): number {
  return ms / 2 + backoff(1, { baseMs: ms / 2, capMs: ms / 2 })
}

function isRejected(end: PromiseSettledResult<void>): end is PromiseRejectedResult {
  return end.status === 'rejected'
}
