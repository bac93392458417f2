import {
  type HandOverState,
  type Instance,
  isNewer,
  type Question,
  type Reply,
} from '../ports/deployment.ts'

/**
 * Which instance of a deployment has Telegram, as one of them sees it: a lease that the newest
 * instance acquires, and an older one releases when it is asked to. A Telegram session that is used
 * by two processes dies (`AUTH_KEY_DUPLICATED`), so at every moment one instance at most holds it.
 *
 * Here are the states and what leads from one to the next, and nothing that waits or speaks:
 * `lease-driver.ts` does what the effects say.
 *
 * | state | means |
 * |---|---|
 * | `acquiring` | asks the older instance to release, or waits for its time to be over |
 * | `held` | has Telegram |
 * | `releasing` | lets what runs come to its end, and disconnects |
 * | `released` | has given Telegram to another instance, or to none because it stops |
 */
export type LeaseState = Acquiring | { kind: 'held' } | Releasing | Released

interface Acquiring {
  kind: 'acquiring'
  /** What it does: not started yet, a question is asked or about to be, or the delay runs. */
  step: 'idle' | 'asking' | 'delaying'
  /** Until when the older instance is waited for. */
  deadline: number
  /** The older instance has said when it will have released. */
  promised: boolean
  /** Some instance of this deployment has answered. */
  answered: boolean
  /** Replies that said nothing. */
  unclear: number
  /** Until when traffic had better go to the older instance. */
  olderServesUntil: number
}

interface Releasing {
  kind: 'releasing'
  /** When Telegram will have been released, whatever happens. */
  until: number
  /** The newest instance for which it is released. */
  successor: Instance | null
  /** The instance stops: it will not take Telegram back. */
  closed: boolean
}

interface Released {
  kind: 'released'
  successor: Instance | null
  closed: boolean
  /** Questions in a row to which no instance has answered. */
  silent: number
}

/** What happens to a lease. `now`: milliseconds that only ever go forward. */
export type LeaseEvent = { now: number } & (
  | { type: 'started' }
  /** The reply to the question that was asked last. */
  | { type: 'replied'; reply: Reply }
  /** The question could not be asked at all: a bug, whose error the driver has logged. */
  | { type: 'ask-failed' }
  /** The wait that was begun last is over. */
  | { type: 'waited' }
  /** An instance asks, this one included. */
  | { type: 'asked'; by: Instance; question: Question }
  | { type: 'disconnected' }
  /** The process stops. `hurry`: nothing gets any time. */
  | { type: 'closed'; hurry: boolean }
)

/** What the driver is to do, in order. */
export type LeaseEffect =
  /** Take Telegram: connect, and go on with all jobs. */
  | { type: 'connect' }
  /** Begin to release, and say `disconnected` when that is done. `hurry`: nothing gets any time. */
  | { type: 'disconnect'; hurry: boolean }
  /** Ask at the public address; a reply that takes longer than `withinMs` is an unclear one. */
  | { type: 'ask'; question: Question; withinMs: number | null }
  | { type: 'wait'; ms: number }
  /** No reply and no wait is of interest any more. */
  | { type: 'stop-asking' }
  /** Answers the `asked` event. */
  | { type: 'answer'; state: HandOverState; withinMs: number }
  /** The same, once this instance has disconnected: the event is to be told again then. */
  | { type: 'answer-later' }
  | { type: 'log'; level: 'info' | 'warn'; message: string; reply?: string }

export interface LeaseSettings {
  instance: Instance
  /** Whether there is a public address at which other instances can be asked. */
  hasAddress: boolean
  /** Milliseconds within which a release is done. */
  graceMs: number
  /** Milliseconds to wait where no instance could be asked. */
  startupDelayMs: number
  /** Milliseconds after which an instance that has released, and was never stopped, asks for more. */
  returnAfterMs: number
}

export interface Transition {
  state: LeaseState
  effects: LeaseEffect[]
}

/**
 * A proxy moves its traffic once the health check passes; a question that comes later comes back
 * here. So the check fails until the question has arrived, but not for longer: a proxy that wakes
 * this instance up may hold the question until the check passes.
 */
const ARRIVES_WITHIN_MS = 5_000
/** How much longer than its grace an older instance is waited for. */
const GRACE_MARGIN_MS = 10_000
/** After the moment at which an older instance has promised to be disconnected. */
const PROMISE_MARGIN_MS = 1_000
const UNCLEAR_ATTEMPTS = 3
const AGAIN_MS = 500
/** Questions in a row that get no answer, until no instance is taken to be there. */
const SILENT_ATTEMPTS = 3

export function initialLease({ hasAddress }: Pick<LeaseSettings, 'hasAddress'>): LeaseState {
  return {
    kind: 'acquiring',
    step: 'idle',
    deadline: 0,
    promised: false,
    answered: false,
    unclear: 0,
    olderServesUntil: hasAddress ? Number.POSITIVE_INFINITY : 0,
  }
}

/** What becomes of the lease, and what is to be done. Throws nothing and waits for nothing. */
export function advanceLease(
  settings: LeaseSettings,
  state: LeaseState,
  event: LeaseEvent,
): Transition {
  switch (event.type) {
    case 'started':
      return state.kind === 'acquiring' ? start(settings, state, event.now) : { state, effects: [] }
    case 'replied':
      if (state.kind === 'acquiring') return afterReply(settings, state, event)
      if (state.kind === 'released') return afterReturnReply(settings, state, event.reply)
      return { state, effects: [] }
    case 'ask-failed':
      return state.kind === 'acquiring' ? hold() : { state, effects: [] }
    case 'waited':
      if (state.kind === 'acquiring') return afterWait(state, event.now)
      if (state.kind !== 'released' || state.closed) return { state, effects: [] }
      return { state, effects: [ask({ intent: 'return', wait: false }, null)] }
    case 'asked':
      return afterQuestion(settings, state, event)
    case 'disconnected':
      if (state.kind !== 'releasing') return { state, effects: [] }
      return afterDisconnect(settings, state)
    case 'closed':
      return close(settings, state, event)
  }
}

/** Whether traffic had better go to an older instance still. */
export function olderServes(state: LeaseState, now: number): boolean {
  return state.kind === 'acquiring' && now < state.olderServesUntil
}

function start(settings: LeaseSettings, state: Acquiring, now: number): Transition {
  if (!settings.hasAddress) {
    return settings.startupDelayMs > 0 ? delay(settings, state) : hold()
  }
  const deadline = now + settings.graceMs + GRACE_MARGIN_MS
  const asking: Acquiring = {
    ...state,
    step: 'asking',
    deadline,
    olderServesUntil: now + ARRIVES_WITHIN_MS,
  }
  return { state: asking, effects: [askToRelease(asking, now)] }
}

/** The first answer binds: from then on it does not matter if the proxy moves its traffic. */
function afterReply(
  settings: LeaseSettings,
  before: Acquiring,
  { reply, now }: { reply: Reply; now: number },
): Transition {
  if (before.step !== 'asking') return { state: before, effects: [] }
  const said = reply.kind === 'answered' ? reply.answer.state : reply.kind
  const logged: LeaseEffect = {
    type: 'log',
    level: 'info',
    message: 'asked the public address for Telegram',
    reply: reply.kind === 'answered' ? reply.answer.state : reply.reason,
  }
  const state = hearing(before, reply, now)
  const because = ({ state: next, effects }: Transition): Transition => ({
    state: next,
    effects: [logged, ...effects],
  })

  if (said === 'released') return because(hold())
  if (said === 'denied') {
    const by = reply.kind === 'answered' ? reply.answer.instance : null
    const { state: next, effects } = release(settings, state, { successor: by, now })
    return because({ state: next, effects: [warning('a newer instance has Telegram'), ...effects] })
  }
  // Once an older instance has promised, another one that answers in its place says nothing of it.
  if (!state.promised && said === 'self') return because(hold())
  const silent = said === 'absent' || (said === 'unclear' && state.unclear >= UNCLEAR_ATTEMPTS)
  if (!state.promised && silent) return because(delay(settings, state))
  if (now >= state.deadline) {
    if (!state.answered) return because(delay(settings, state))
    return because(hold(warning('the older instance has not let go of Telegram in time')))
  }
  if (said === 'draining') return because({ state, effects: [askToRelease(state, now)] })
  const ms = Math.min(AGAIN_MS, state.deadline - now)
  return because({ state, effects: [{ type: 'wait', ms }] })
}

/** What the reply changes in what is known of the older instance. */
function hearing(state: Acquiring, reply: Reply, now: number): Acquiring {
  if (reply.kind !== 'answered') {
    const counts = reply.kind === 'unclear' && !state.promised
    return counts ? { ...state, unclear: state.unclear + 1 } : state
  }
  const { state: said, withinMs } = reply.answer
  const promises = said === 'draining' && !state.promised
  const deadline = promises ? now + withinMs + PROMISE_MARGIN_MS : state.deadline
  return {
    ...state,
    answered: true,
    promised: state.promised || promises,
    deadline,
    olderServesUntil: said === 'self' ? state.olderServesUntil : Math.max(now, deadline),
  }
}

function afterWait(state: Acquiring, now: number): Transition {
  if (state.step === 'asking') return { state, effects: [askToRelease(state, now)] }
  return state.step === 'delaying' ? hold() : { state, effects: [] }
}

/**
 * An instance that has released and is not stopped: the new one may never have come up. Telegram is
 * taken back when this instance is at the public address itself, or none is.
 */
function afterReturnReply(settings: LeaseSettings, state: Released, reply: Reply): Transition {
  if (state.closed) return { state, effects: [] }
  const silent = reply.kind === 'answered' ? 0 : state.silent + 1
  const isBack = reply.kind === 'answered' && reply.answer.state === 'self'
  if (isBack || silent >= SILENT_ATTEMPTS) {
    return hold(warning('the newer instance is gone: this one takes Telegram back'))
  }
  const ms = silent === 0 ? settings.returnAfterMs : settings.returnAfterMs / 6
  return { state: { ...state, silent }, effects: [{ type: 'wait', ms }] }
}

function afterQuestion(
  settings: LeaseSettings,
  state: LeaseState,
  { by, question, now }: { by: Instance; question: Question; now: number },
): Transition {
  const answer = (said: HandOverState, withinMs = 0): LeaseEffect[] => [
    { type: 'answer', state: said, withinMs },
  ]
  if (by.id === settings.instance.id) return { state, effects: answer('self') }
  // An instance that has released gets Telegram back only where no other is: behind the address.
  if (question.intent === 'return') return { state, effects: answer('denied') }
  switch (state.kind) {
    case 'acquiring':
      if (!isNewer(by, settings.instance)) return { state, effects: answer('denied') }
      return releaseFor(settings, state, { by, question, now })
    case 'held':
      return releaseFor(settings, state, { by, question, now })
    case 'releasing': {
      const next = { ...state, successor: newest(state.successor, by) }
      if (question.wait) return { state: next, effects: [{ type: 'answer-later' }] }
      return { state: next, effects: answer('draining', Math.max(0, state.until - now)) }
    }
    case 'released': {
      const successor = state.successor ?? by
      const next = { ...state, successor }
      if (successor.id === by.id) return { state: next, effects: answer('released') }
      return { state: next, effects: answer(isNewer(successor, by) ? 'denied' : 'superseded') }
    }
  }
}

function releaseFor(
  settings: LeaseSettings,
  state: LeaseState,
  { by, question, now }: { by: Instance; question: Question; now: number },
): Transition {
  const begun = release(settings, state, { successor: by, now })
  const asks: LeaseEffect = {
    type: 'log',
    level: 'info',
    message: 'another instance asks for Telegram',
  }
  const answer: LeaseEffect = question.wait
    ? { type: 'answer-later' }
    : { type: 'answer', state: 'draining', withinMs: settings.graceMs }
  return { state: begun.state, effects: [asks, ...begun.effects, answer] }
}

/** While it only waits for Telegram nothing runs that could come to its end. */
function release(
  settings: LeaseSettings,
  state: LeaseState,
  {
    successor,
    now,
    closed = false,
    hurry = false,
  }: { successor: Instance | null; now: number; closed?: boolean; hurry?: boolean },
): Transition {
  return {
    state: { kind: 'releasing', until: now + settings.graceMs, successor, closed },
    effects: [
      { type: 'stop-asking' },
      { type: 'disconnect', hurry: hurry || state.kind === 'acquiring' },
    ],
  }
}

function afterDisconnect(
  { hasAddress, returnAfterMs }: LeaseSettings,
  { successor, closed }: Releasing,
): Transition {
  const waits = hasAddress && !closed
  return {
    state: { kind: 'released', successor, closed, silent: 0 },
    effects: waits ? [{ type: 'wait', ms: returnAfterMs }] : [],
  }
}

function close(
  settings: LeaseSettings,
  state: LeaseState,
  { hurry, now }: { hurry: boolean; now: number },
): Transition {
  if (state.kind === 'releasing') return { state: { ...state, closed: true }, effects: [] }
  if (state.kind === 'released') {
    return { state: { ...state, closed: true }, effects: [{ type: 'stop-asking' }] }
  }
  return release(settings, state, { successor: null, now, closed: true, hurry })
}

function hold(...first: LeaseEffect[]): Transition {
  return { state: { kind: 'held' }, effects: [...first, { type: 'connect' }] }
}

/** An older version may be running, or an instance that is stuck. */
function delay({ startupDelayMs }: LeaseSettings, state: Acquiring): Transition {
  return {
    state: { ...state, step: 'delaying', olderServesUntil: 0 },
    effects: [{ type: 'wait', ms: startupDelayMs }],
  }
}

/** The first question is answered at once; the next ones when Telegram has been released. */
function askToRelease({ promised, deadline }: Acquiring, now: number): LeaseEffect {
  return ask({ intent: 'start', wait: promised }, Math.max(1, deadline - now))
}

function ask(question: Question, withinMs: number | null): LeaseEffect {
  return { type: 'ask', question, withinMs }
}

function warning(message: string): LeaseEffect {
  return { type: 'log', level: 'warn', message }
}

function newest(known: Instance | null, asker: Instance): Instance {
  return known === null || isNewer(asker, known) ? asker : known
}
