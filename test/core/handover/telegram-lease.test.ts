import { describe, expect, test } from 'vitest'
import {
  advanceLease,
  initialLease,
  type LeaseEffect,
  type LeaseEvent,
  type LeaseSettings,
  type LeaseState,
  olderServes,
} from '../../../src/core/handover/telegram-lease.ts'
import type { HandOverState, Instance, Reply } from '../../../src/core/ports/deployment.ts'

const OLDER: Instance = { id: 'older', startedAt: 1 }
const ME: Instance = { id: 'me', startedAt: 2 }
const NEWER: Instance = { id: 'newer', startedAt: 3 }
const NEWEST: Instance = { id: 'newest', startedAt: 4 }
const NOW = 100_000
const GRACE = 30_000
const DELAY = 20_000
const RETURN = 180_000

const SETTINGS: LeaseSettings = {
  instance: ME,
  hasAddress: true,
  graceMs: GRACE,
  startupDelayMs: DELAY,
  returnAfterMs: RETURN,
}

type Of<Kind extends LeaseState['kind']> = Extract<LeaseState, { kind: Kind }>

const acquiring = (changes: Partial<Of<'acquiring'>> = {}): LeaseState => ({
  kind: 'acquiring',
  step: 'asking',
  deadline: NOW + 40_000,
  promised: false,
  answered: false,
  unclear: 0,
  olderServesUntil: NOW + 5_000,
  ...changes,
})
const HELD: LeaseState = { kind: 'held' }
const releasing = (changes: Partial<Of<'releasing'>> = {}): LeaseState => ({
  kind: 'releasing',
  until: NOW + GRACE,
  successor: null,
  closed: false,
  ...changes,
})
const released = (changes: Partial<Of<'released'>> = {}): LeaseState => ({
  kind: 'released',
  successor: NEWER,
  closed: false,
  silent: 0,
  ...changes,
})

const answered = (state: HandOverState, withinMs = 0, instance = OLDER): Reply => ({
  kind: 'answered',
  answer: { instance, state, withinMs },
})
const ABSENT: Reply = { kind: 'absent', reason: 'status 404' }
const UNCLEAR: Reply = { kind: 'unclear', reason: 'status 502' }

const CONNECT: LeaseEffect = { type: 'connect' }
const STOP: LeaseEffect = { type: 'stop-asking' }
const disconnect = (hurry: boolean): LeaseEffect => ({ type: 'disconnect', hurry })
const wait = (ms: number): LeaseEffect => ({ type: 'wait', ms })
const start = (withinMs: number, waits = false): LeaseEffect => ({
  type: 'ask',
  question: { intent: 'start', wait: waits },
  withinMs,
})
const RETURN_QUESTION: LeaseEffect = {
  type: 'ask',
  question: { intent: 'return', wait: false },
  withinMs: null,
}
const answer = (state: HandOverState, withinMs = 0): LeaseEffect => ({
  type: 'answer',
  state,
  withinMs,
})
const LATER: LeaseEffect = { type: 'answer-later' }

type Row = [name: string, before: LeaseState, event: Event, after: LeaseState, LeaseEffect[]]
type Event = LeaseEvent extends infer Each
  ? Each extends unknown
    ? Omit<Each, 'now'>
    : never
  : never

const replied = (reply: Reply): Event => ({ type: 'replied', reply })
const asked = (by: Instance, intent: 'start' | 'return' = 'start', waits = false): Event => ({
  type: 'asked',
  by,
  question: { intent, wait: waits },
})

describe('acquiring', () => {
  const idle = initialLease(SETTINGS)
  const promised = { promised: true, answered: true, deadline: NOW + 9_000 }

  test.each<Row>([
    [
      'a start asks at the address, and is not preferred for five seconds',
      idle,
      { type: 'started' },
      acquiring(),
      [start(40_000)],
    ],
    ['a reply before the start changes nothing', idle, replied(ABSENT), idle, []],
    [
      'an answer that Telegram is released: it is held',
      acquiring(),
      replied(answered('released')),
      HELD,
      [CONNECT],
    ],
    [
      'its own answer: no other instance is there',
      acquiring(),
      replied(answered('self')),
      HELD,
      [CONNECT],
    ],
    [
      'a promise: it asks again, and waits for a second longer than was promised',
      acquiring(),
      replied(answered('draining', 8_000)),
      acquiring({ ...promised, olderServesUntil: NOW + 9_000 }),
      [start(9_000, true)],
    ],
    [
      'a second promise does not make the wait longer',
      acquiring(promised),
      replied(answered('draining', 60_000)),
      acquiring({ ...promised, olderServesUntil: NOW + 9_000 }),
      [start(9_000, true)],
    ],
    [
      'its own answer after a promise says nothing of the one that promised',
      acquiring(promised),
      replied(answered('self')),
      acquiring(promised),
      [wait(500)],
    ],
    [
      'an address without an answer after a promise is asked again',
      acquiring(promised),
      replied(ABSENT),
      acquiring(promised),
      [wait(500)],
    ],
    [
      'a superseded answerer: it asks again',
      acquiring(),
      replied(answered('superseded')),
      acquiring({ answered: true, olderServesUntil: NOW + 40_000 }),
      [wait(500)],
    ],
    [
      'a denial: a newer instance has Telegram, and nothing that runs gets time',
      acquiring(),
      replied(answered('denied', 0, NEWER)),
      releasing({ successor: NEWER }),
      [STOP, disconnect(true)],
    ],
    [
      'an address at which there is no instance: the delay runs',
      acquiring(),
      replied(ABSENT),
      acquiring({ step: 'delaying', olderServesUntil: 0 }),
      [wait(DELAY)],
    ],
    [
      'one unclear reply: it asks again',
      acquiring(),
      replied(UNCLEAR),
      acquiring({ unclear: 1 }),
      [wait(500)],
    ],
    [
      'the third unclear reply: the delay runs',
      acquiring({ unclear: 2 }),
      replied(UNCLEAR),
      acquiring({ unclear: 3, step: 'delaying', olderServesUntil: 0 }),
      [wait(DELAY)],
    ],
    [
      'unclear replies after a promise do not count',
      acquiring({ ...promised, unclear: 2 }),
      replied(UNCLEAR),
      acquiring({ ...promised, unclear: 2 }),
      [wait(500)],
    ],
    [
      'an older instance that does not keep its promise is waited for no longer',
      acquiring({ ...promised, deadline: NOW }),
      replied(UNCLEAR),
      HELD,
      [CONNECT],
    ],
    [
      'where no instance has answered in time, the delay runs',
      acquiring({ deadline: NOW }),
      replied(UNCLEAR),
      acquiring({ deadline: NOW, unclear: 1, step: 'delaying', olderServesUntil: 0 }),
      [wait(DELAY)],
    ],
    ['after a pause it asks again', acquiring(), { type: 'waited' }, acquiring(), [start(40_000)]],
    [
      'after the delay it holds',
      acquiring({ step: 'delaying' }),
      { type: 'waited' },
      HELD,
      [CONNECT],
    ],
    [
      'a reply during the delay is too late',
      acquiring({ step: 'delaying' }),
      replied(answered('denied')),
      acquiring({ step: 'delaying' }),
      [],
    ],
    [
      'a question that cannot be asked does not keep it from Telegram',
      acquiring(),
      { type: 'ask-failed' },
      HELD,
      [CONNECT],
    ],
    [
      'its own question is answered as its own',
      acquiring(),
      asked(ME),
      acquiring(),
      [answer('self')],
    ],
    ['an older instance is denied', acquiring(), asked(OLDER), acquiring(), [answer('denied')]],
    [
      'an instance that wants it back is denied',
      acquiring(),
      asked(NEWER, 'return'),
      acquiring(),
      [answer('denied')],
    ],
    [
      'for a newer instance it gives up at once',
      acquiring(),
      asked(NEWER),
      releasing({ successor: NEWER }),
      [STOP, disconnect(true), answer('draining', GRACE)],
    ],
    [
      'a close ends the asking',
      acquiring(),
      { type: 'closed', hurry: false },
      releasing({ closed: true }),
      [STOP, disconnect(true)],
    ],
  ])('%s', checks)

  test.each<Row>([
    [
      'with a delay it waits first',
      initialLease({ hasAddress: false }),
      { type: 'started' },
      acquiring({ step: 'delaying', deadline: 0, olderServesUntil: 0 }),
      [wait(DELAY)],
    ],
  ])('without an address: %s', (_name, before, event, after, effects) => {
    expect(advance(before, event, { hasAddress: false })).toEqual({ state: after, effects })
  })

  test('without an address and without a delay it holds at once', () => {
    const alone = { hasAddress: false, startupDelayMs: 0 }

    expect(advance(initialLease(alone), { type: 'started' }, alone)).toEqual({
      state: HELD,
      effects: [CONNECT],
    })
  })
})

describe('held', () => {
  test.each<Row>([
    [
      'another instance asks: it releases, and says within which time',
      HELD,
      asked(NEWER),
      releasing({ successor: NEWER }),
      [STOP, disconnect(false), answer('draining', GRACE)],
    ],
    [
      'one that wants to wait for the answer gets it afterwards',
      HELD,
      asked(NEWER, 'start', true),
      releasing({ successor: NEWER }),
      [STOP, disconnect(false), LATER],
    ],
    [
      'an instance that wants it back is denied',
      HELD,
      asked(NEWER, 'return'),
      HELD,
      [answer('denied')],
    ],
    ['its own question changes nothing', HELD, asked(ME), HELD, [answer('self')]],
    [
      'a close gives what runs its time',
      HELD,
      { type: 'closed', hurry: false },
      releasing({ closed: true }),
      [STOP, disconnect(false)],
    ],
    [
      'a close in a hurry gives it none',
      HELD,
      { type: 'closed', hurry: true },
      releasing({ closed: true }),
      [STOP, disconnect(true)],
    ],
    ['a late reply changes nothing', HELD, replied(answered('denied')), HELD, []],
    ['a late wait changes nothing', HELD, { type: 'waited' }, HELD, []],
    ['a second start changes nothing', HELD, { type: 'started' }, HELD, []],
    ['it cannot be disconnected twice', HELD, { type: 'disconnected' }, HELD, []],
  ])('%s', checks)
})

describe('releasing', () => {
  test.each<Row>([
    [
      'a question is told how long it takes',
      releasing({ until: NOW + 7_000, successor: NEWER }),
      asked(NEWER),
      releasing({ until: NOW + 7_000, successor: NEWER }),
      [answer('draining', 7_000)],
    ],
    [
      'a question that waits is answered afterwards',
      releasing({ successor: NEWER }),
      asked(NEWER, 'start', true),
      releasing({ successor: NEWER }),
      [LATER],
    ],
    [
      'of several that ask the newest will have it',
      releasing({ successor: NEWER }),
      asked(NEWEST, 'start', true),
      releasing({ successor: NEWEST }),
      [LATER],
    ],
    [
      'an older one does not take it from a newer one',
      releasing({ successor: NEWEST }),
      asked(NEWER, 'start', true),
      releasing({ successor: NEWEST }),
      [LATER],
    ],
    [
      'once disconnected it asks after a while whether it is missed',
      releasing({ successor: NEWER }),
      { type: 'disconnected' },
      released(),
      [wait(RETURN)],
    ],
    [
      'a process that stops asks no more',
      releasing({ successor: NEWER, closed: true }),
      { type: 'disconnected' },
      released({ closed: true }),
      [],
    ],
    [
      'a close while it releases changes nothing but that',
      releasing(),
      { type: 'closed', hurry: true },
      releasing({ closed: true }),
      [],
    ],
    ['a late reply changes nothing', releasing(), replied(answered('self')), releasing(), []],
  ])('%s', checks)
})

describe('released', () => {
  test.each<Row>([
    ['its successor may connect', released(), asked(NEWER), released(), [answer('released')]],
    [
      'the first that asks is the successor',
      released({ successor: null }),
      asked(NEWER),
      released(),
      [answer('released')],
    ],
    [
      'an older one than its successor is denied',
      released({ successor: NEWEST }),
      asked(NEWER),
      released({ successor: NEWEST }),
      [answer('denied')],
    ],
    [
      'a newer one than its successor comes again later',
      released(),
      asked(NEWEST),
      released(),
      [answer('superseded')],
    ],
    [
      'after a while it asks for Telegram',
      released(),
      { type: 'waited' },
      released(),
      [RETURN_QUESTION],
    ],
    [
      'its own answer: it is back at the address, and holds again',
      released(),
      replied(answered('self')),
      HELD,
      [CONNECT],
    ],
    [
      'the answer of another instance: it waits once more',
      released({ silent: 2 }),
      replied(answered('denied')),
      released(),
      [wait(RETURN)],
    ],
    [
      'a silent address is asked again soon',
      released(),
      replied(UNCLEAR),
      released({ silent: 1 }),
      [wait(RETURN / 6)],
    ],
    [
      'one that is silent three times has no instance any more',
      released({ silent: 2 }),
      replied(ABSENT),
      HELD,
      [CONNECT],
    ],
    [
      'a question that cannot be asked leaves it where it is',
      released(),
      { type: 'ask-failed' },
      released(),
      [],
    ],
    [
      'a close ends the asking',
      released(),
      { type: 'closed', hurry: false },
      released({ closed: true }),
      [STOP],
    ],
    [
      'a process that stops does not take Telegram back',
      released({ closed: true }),
      replied(answered('self')),
      released({ closed: true }),
      [],
    ],
    [
      'and asks for it no more',
      released({ closed: true }),
      { type: 'waited' },
      released({ closed: true }),
      [],
    ],
  ])('%s', checks)
})

test('traffic goes to the older instance only while Telegram is still to be acquired', () => {
  expect(olderServes(acquiring(), NOW + 4_999)).toBe(true)
  expect(olderServes(acquiring(), NOW + 5_000)).toBe(false)
  expect(olderServes(HELD, NOW)).toBe(false)
  expect(olderServes(initialLease(SETTINGS), NOW)).toBe(true)
  expect(olderServes(initialLease({ hasAddress: false }), NOW)).toBe(false)
})

function checks(
  _name: string,
  before: LeaseState,
  event: Event,
  after: LeaseState,
  effects: LeaseEffect[],
): void {
  expect(advance(before, event)).toEqual({ state: after, effects })
}

/** What is logged is for operators, and no part of the table. */
function advance(state: LeaseState, event: Event, changes: Partial<LeaseSettings> = {}) {
  const happened = { ...event, now: NOW } as LeaseEvent
  const advanced = advanceLease({ ...SETTINGS, ...changes }, state, happened)
  return { ...advanced, effects: advanced.effects.filter(({ type }) => type !== 'log') }
}
