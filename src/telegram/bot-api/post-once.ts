import type { Log } from '../../core/ports/log.ts'
import type { BotApiTransferState, PostedFile } from '../../core/ports/records.ts'
import type { TransferRequest } from '../../core/ports/telegram.ts'
import { onceDiskTakes } from '../../core/runtime/disk-failure.ts'
import { AppError } from '../../errors.ts'
import { backoff } from '../../lib/waiting/retry.ts'
import { sleep } from '../../lib/waiting/sleep.ts'
import type { Failure } from './failure.ts'

const MAX_DOUBTFUL_TRIES = 2
/** Timers may fire a little early, and Telegram counts whole seconds. */
const WAIT_MARGIN_MS = 50
/** A longer wait is left to the caller, which then keeps no place that others want. */
const LONGEST_WAIT_SECONDS = 60

export type LookForLost = (request: TransferRequest) => Promise<PostedFile | null>

export interface PostOnceOptions {
  trySend: (onMayPost: () => Promise<void>) => Promise<PostedFile | Failure>
  /** What to fail with while the Bot API as a whole is down: a caller that retries then holds no slot. */
  refusal: (cause: AppError) => Error | null
  lookForLost: LookForLost | undefined
  /** When to look for a lost message, in milliseconds from one look to the next: it may come late. */
  lookAfterMs: readonly number[]
  attempts: number
  /** For all tries and waits together. */
  totalMs: number
  log: Log
}

/**
 * Sends until Telegram has the file, and at most once as far as the Bot API allows, which knows no
 * key for a post and shows no history. `postAttempts` in the journal counts the tries whose
 * outcome is unknown; it goes up before the last bytes of a try leave, and down again when
 * Telegram says no. While it is up, the file is looked for first, where an account can look;
 * otherwise it is sent once more, and no more than that.
 */
export async function postOnce(
  request: TransferRequest,
  options: PostOnceOptions,
): Promise<PostedFile> {
  const { journal, signal, file } = request
  const deadline = performance.now() + options.totalMs
  let state = await loadState(request)
  async function setDoubts(postAttempts: number): Promise<void> {
    state = { ...state, postAttempts }
    await journal.save(state)
  }
  await setDoubts(state.postAttempts)

  for (let attempt = 1; ; attempt++) {
    const found = state.postAttempts > 0 ? await look(request, options) : 'unknown'
    if (found === 'nowhere') await onceDiskTakes(() => setDoubts(0), signal)
    else if (found !== 'unknown') return found
    if (state.postAttempts >= MAX_DOUBTFUL_TRIES) throw outcomeUnknown()

    const doubts = state.postAttempts
    const outcome = await options.trySend(() => setDoubts(doubts + 1))
    if (!('kind' in outcome)) return outcome
    // A doubt that stayed because of a full disk would count against the file.
    if (outcome.kind !== 'doubtful') await onceDiskTakes(() => setDoubts(doubts), signal)
    if (outcome.kind === 'final') throw outcome.error
    options.log.warn({ uploadId: file.uploadId, attempt, err: outcome.error }, 'a post failed')

    const down = isFlood(outcome) ? null : options.refusal(outcome.error)
    if (down) throw down
    // Also where the wait is too long to be sat out here.
    if (outcome.kind === 'again' && outcome.waitSeconds !== null) {
      request.onEvent({ phase: 'waiting', retryAfter: outcome.waitSeconds })
      if (outcome.waitSeconds > LONGEST_WAIT_SECONDS) throw outcome.error
    }
    const delayMs = delayAfter(outcome, attempt)
    if (attempt >= options.attempts || performance.now() + delayMs > deadline) throw outcome.error
    await sleep(delayMs, signal)
  }
}

async function loadState({ journal }: TransferRequest): Promise<BotApiTransferState> {
  const saved = await journal.load()
  if (saved?.road === 'bot-api') return saved
  return { road: 'bot-api', startedAt: Date.now(), postAttempts: 0, posted: null }
}

async function look(
  request: TransferRequest,
  { lookForLost, lookAfterMs, log }: PostOnceOptions,
): Promise<PostedFile | 'nowhere' | 'unknown'> {
  if (!lookForLost) return 'unknown'
  try {
    for (const delayMs of lookAfterMs) {
      await sleep(delayMs, request.signal)
      const found = await lookForLost(request)
      if (found) return found
    }
    return 'nowhere'
  } catch (error) {
    request.signal.throwIfAborted()
    // A session that is no good can look for nothing, and must not fail a file the bot can send.
    if (!(error instanceof AppError) || error.retryable) throw error
    log.warn({ uploadId: request.file.uploadId, err: error }, 'a lost post cannot be looked for')
    return 'unknown'
  }
}

function isFlood(failure: Failure): boolean {
  return failure.kind === 'again' && failure.waitSeconds !== null
}

function delayAfter(failure: Exclude<Failure, { kind: 'final' }>, attempt: number): number {
  if (failure.kind === 'again' && failure.waitSeconds !== null) {
    return failure.waitSeconds * 1000 + WAIT_MARGIN_MS
  }
  return backoff(attempt, { baseMs: 500 })
}

function outcomeUnknown(): AppError {
  return new AppError(
    'TELEGRAM_REJECTED',
    'Telegram did not say whether the file arrived: look into the channel before sending it again',
  )
}
