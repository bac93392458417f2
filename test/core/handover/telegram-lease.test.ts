import * as fc from 'fast-check'
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
      'the pause ends with the time for which the older instance is waited for',
      acquiring({ deadline: NOW + 200 }),
      replied(UNCLEAR),
      acquiring({ deadline: NOW + 200, unclear: 1 }),
      [wait(200)],
    ],
    [
      'a question after that time gets a millisecond, and no less',
      acquiring({ deadline: NOW - 7 }),
      { type: 'waited' },
      acquiring({ deadline: NOW - 7 }),
      [start(1)],
    ],
    [
      'a superseded answerer is asked no longer than it has time',
      acquiring({ deadline: NOW }),
      replied(answered('superseded')),
      HELD,
      [CONNECT],
    ],
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
      'a newer instance that waits for the answer gets it afterwards',
      acquiring(),
      asked(NEWER, 'start', true),
      releasing({ successor: NEWER }),
      [STOP, disconnect(true), LATER],
    ],
    [
      'a newer instance that asks before the start gets it as well',
      idle,
      asked(NEWER),
      releasing({ successor: NEWER }),
      [STOP, disconnect(true), answer('draining', GRACE)],
    ],
    ['a wait before the start changes nothing', idle, { type: 'waited' }, idle, []],
    [
      'a close before the start leaves nothing to start',
      idle,
      { type: 'closed', hurry: false },
      releasing({ closed: true }),
      [STOP, disconnect(true)],
    ],
    [
      'what is not connected cannot be disconnected',
      acquiring(),
      { type: 'disconnected' },
      acquiring(),
      [],
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
      'an instance that is older by its clock gets Telegram too: an instance asks only at its start',
      HELD,
      asked(OLDER),
      releasing({ successor: OLDER }),
      [STOP, disconnect(false), answer('draining', GRACE)],
    ],
    ['a question that could not be asked changes nothing', HELD, { type: 'ask-failed' }, HELD, []],
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
    ['a late wait changes nothing', releasing(), { type: 'waited' }, releasing(), []],
    ['a late start changes nothing', releasing(), { type: 'started' }, releasing(), []],
    ['its own question changes nothing', releasing(), asked(ME), releasing(), [answer('self')]],
    [
      'an instance that wants it back is denied',
      releasing(),
      asked(NEWER, 'return'),
      releasing(),
      [answer('denied')],
    ],
    [
      'the time that is left is never less than none',
      releasing({ until: NOW - 5, successor: NEWER }),
      asked(NEWER),
      releasing({ until: NOW - 5, successor: NEWER }),
      [answer('draining', 0)],
    ],
    [
      'the first instance that asks is the successor',
      releasing(),
      asked(NEWER),
      releasing({ successor: NEWER }),
      [answer('draining', GRACE)],
    ],
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
    ['its own question: it is at the address', released(), asked(ME), released(), [answer('self')]],
    [
      'another instance that wants it back is denied',
      released(),
      asked(OLDER, 'return'),
      released(),
      [answer('denied')],
    ],
    ['a late start changes nothing', released(), { type: 'started' }, released(), []],
    ['it cannot be disconnected twice', released(), { type: 'disconnected' }, released(), []],
  ])('%s', checks)
})

test('without an address an instance that has released asks for nothing', () => {
  expect(advance(releasing(), { type: 'disconnected' }, { hasAddress: false })).toEqual({
    state: released({ successor: null }),
    effects: [],
  })
})

/** Texts and fields that operators search for. */
test.each<[message: string, state: LeaseState, event: Event, reply?: string]>([
  ['asked the public address for Telegram', acquiring(), replied(UNCLEAR), 'status 502'],
  ['asked the public address for Telegram', acquiring(), replied(answered('self')), 'self'],
  ['a newer instance has Telegram', acquiring(), replied(answered('denied'))],
  [
    'the older instance has not let go of Telegram in time',
    acquiring({ promised: true, answered: true, deadline: NOW }),
    replied(UNCLEAR),
  ],
  ['another instance asks for Telegram', HELD, asked(NEWER)],
  [
    'the newer instance is gone: this one takes Telegram back',
    released(),
    replied(answered('self')),
  ],
])('the log says: %s', (message, state, event, reply) => {
  const { effects } = advanceLease(SETTINGS, state, happening(event))

  const expected = reply === undefined ? { message } : { message, reply }
  expect(effects).toContainEqual(expect.objectContaining({ type: 'log', ...expected }))
})

test('whatever happens, it connects and disconnects in turns, and answers each question once', async () => {
  const instance = fc.constantFrom(OLDER, ME, NEWER, NEWEST)
  const state = fc.constantFrom<HandOverState[]>(
    ...(['self', 'draining', 'released', 'superseded', 'denied'] as const),
  )
  const reply: fc.Arbitrary<Reply> = fc.oneof(
    fc.constantFrom(ABSENT, UNCLEAR),
    fc
      .tuple(state, instance, fc.nat(60_000))
      .map(([said, by, withinMs]) => answered(said, withinMs, by)),
  )
  const event: fc.Arbitrary<Event> = fc.oneof(
    fc.constantFrom<Event>(
      { type: 'started' },
      { type: 'waited' },
      { type: 'ask-failed' },
      { type: 'disconnected' },
    ),
    reply.map(replied),
    fc
      .tuple(instance, fc.constantFrom<('start' | 'return')[]>('start', 'return'), fc.boolean())
      .map(([by, intent, waits]) => asked(by, intent, waits)),
    fc.boolean().map((hurry): Event => ({ type: 'closed', hurry })),
  )

  await fc.assert(
    fc.property(fc.array(fc.tuple(event, fc.nat(20_000)), { maxLength: 40 }), (events) => {
      let lease = initialLease(SETTINGS)
      let now = NOW
      let isClosed = false
      for (const [each, gapMs] of events) {
        now += gapMs
        const before = lease.kind
        const { state: after, effects } = advanceLease(SETTINGS, lease, { ...each, now })
        lease = after
        const types = effects.map(({ type }) => type)
        const times = (...wanted: string[]) => types.filter((type) => wanted.includes(type)).length

        expect(times('connect')).toBe(lease.kind === 'held' && before !== 'held' ? 1 : 0)
        expect(times('disconnect')).toBe(
          lease.kind === 'releasing' && before !== 'releasing' ? 1 : 0,
        )
        expect(times('answer', 'answer-later')).toBe(each.type === 'asked' ? 1 : 0)
        if (types.includes('answer-later')) expect(lease.kind).toBe('releasing')
        if (isClosed) expect(times('connect', 'ask', 'wait')).toBe(0)
        isClosed ||= each.type === 'closed'
      }
    }),
    { seed: 20_261_129 },
  )
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
  const advanced = advanceLease({ ...SETTINGS, ...changes }, state, happening(event))
  return { ...advanced, effects: advanced.effects.filter(({ type }) => type !== 'log') }
}

function happening(event: Event): LeaseEvent {
  return { ...event, now: NOW }
}
