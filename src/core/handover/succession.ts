import { sleep } from '../../lib/waiting/sleep.ts'
import type { HandOverState, Instance, PublicAddress, Reply } from '../ports/deployment.ts'

export interface SuccessionOptions {
  address: PublicAddress
  /** Milliseconds until one who never hears a clear answer goes ahead. */
  maxMs: number
  /** Hears each reply, and for how many milliseconds more the older instance may take. */
  onReply: (reply: Reply, leftMs: number) => void
  signal: AbortSignal
  now: () => number
}

/**
 * | outcome | means |
 * |---|---|
 * | `free` | Telegram was let go of, or there is no other instance |
 * | `nobody` | nobody could be asked: an older version may be running, or one that is stuck |
 * | `late` | somebody is there and has not let go in time |
 * | `stand-back` | somebody newer has Telegram |
 */
export type Outcome = 'free' | 'nobody' | 'late' | 'stand-back'

export interface Succession {
  outcome: Outcome
  /** Who gave the last answer. */
  by: Instance | null
}

const UNCLEAR_ATTEMPTS = 3
const AGAIN_MS = 500
/** After the moment at which an older instance has promised to be disconnected. */
const MARGIN_MS = 1_000

/**
 * Asks whoever is behind the public address to let go of Telegram, and waits for it. The first
 * question is answered at once, and binds: from then on it does not matter if the proxy moves its
 * traffic, or cuts the line, before the second one is answered.
 */
export async function askToSucceed(options: SuccessionOptions): Promise<Succession> {
  const { address, maxMs, onReply, signal, now } = options
  let deadline = now() + maxMs
  let promised = false
  let heard = false
  for (let unclear = 0; ; ) {
    const reply = await askUntil(deadline)
    const state: HandOverState | 'nobody' | 'unclear' =
      reply.kind === 'answered' ? reply.answer.state : reply.kind
    if (reply.kind === 'answered' && state === 'draining' && !promised) {
      deadline = now() + reply.answer.withinMs + MARGIN_MS
      promised = true
    }
    heard ||= reply.kind === 'answered'
    onReply(reply, Math.max(0, deadline - now()))
    const by = reply.kind === 'answered' ? reply.answer.instance : null
    if (state === 'released') return { outcome: 'free', by }
    if (state === 'stand-back') return { outcome: state, by }
    // Once an older one has promised, whoever answers in its place says nothing about it.
    if (!promised && state === 'self') return { outcome: 'free', by }
    if (!promised && state === 'nobody') return { outcome: state, by }
    if (!promised && state === 'unclear' && ++unclear >= UNCLEAR_ATTEMPTS) {
      return { outcome: 'nobody', by }
    }
    if (now() >= deadline) return { outcome: heard ? 'late' : 'nobody', by }
    if (state !== 'draining') await sleep(Math.min(AGAIN_MS, deadline - now()), signal)
  }

  async function askUntil(end: number): Promise<Reply> {
    const late = new AbortController()
    const timer = setTimeout(() => late.abort(), Math.max(1, end - now()))
    try {
      const question = { intent: 'start', wait: promised } as const
      return await address.ask(question, AbortSignal.any([signal, late.signal]))
    } catch (error) {
      signal.throwIfAborted()
      if (!late.signal.aborted) throw error
      return { kind: 'unclear', reason: 'no answer in time' }
    } finally {
      clearTimeout(timer)
    }
  }
}

export interface ReturnOptions {
  address: PublicAddress
  /** Milliseconds from one question to the next; a sixth of it while nobody answers. */
  everyMs?: number | undefined
  /** Whether Telegram is still somebody else's. */
  isOut: () => boolean
  signal: AbortSignal
}

/** A deploy that succeeds has stopped the older instance by then. */
const RETURN_AFTER_MS = 180_000
/** Questions in a row that nobody answers, until nobody is taken to be there. */
const SILENT_ATTEMPTS = 3

/**
 * For one who has let go and is not stopped: the new one may never have come up. Resolves with true
 * when it is at the public address itself, or nobody is, and with false when it is not out any more.
 */
export async function isMissed(options: ReturnOptions): Promise<boolean> {
  const { address, everyMs = RETURN_AFTER_MS, isOut, signal } = options
  for (let silent = 0; ; ) {
    await sleep(silent === 0 ? everyMs : everyMs / 6, signal)
    const reply = await address.ask({ intent: 'return', wait: false }, signal)
    if (!isOut()) return false
    if (reply.kind === 'answered' && reply.answer.state === 'self') return true
    silent = reply.kind === 'answered' ? 0 : silent + 1
    if (silent >= SILENT_ATTEMPTS) return true
  }
}
