import { expect, test } from 'vitest'
import { createFairSlots } from '../../../src/lib/concurrency/fair-slots.ts'

const never = new AbortController().signal

/**
 * Plays a script: `a1` asks for a slot for the group `a`, `-a1` gives it back, `!a1` gives up
 * waiting. Resolves with the pieces of work in the order in which they got a slot.
 */
async function play(limit: number, script: string) {
  const slots = createFairSlots(limit)
  const order: string[] = []
  const releases = new Map<string, () => void>()
  const leavers = new Map<string, AbortController>()
  for (const step of script.split(' ')) {
    const name = step.replace(/^[-!]/, '')
    if (step.startsWith('-')) releases.get(name)?.()
    else if (step.startsWith('!')) leavers.get(name)?.abort(new Error('gone'))
    else {
      const leaver = new AbortController()
      leavers.set(name, leaver)
      const granted = slots.acquire(name.charAt(0), leaver.signal).then((release) => {
        order.push(name)
        releases.set(name, release)
      })
      granted.catch(() => {})
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { order: order.join(' '), held: slots.held, waiting: slots.waiting }
}

test.each<[string, number, string, string]>([
  ['one group is served in its order', 1, 'a1 a2 a3 -a1 -a2', 'a1 a2 a3'],
  ['a group that is alone has all slots', 3, 'a1 a2 a3 a4 -a2', 'a1 a2 a3 a4'],
  [
    'the first of another group comes before the second of one that has had its turn',
    1,
    'a1 a2 a3 a4 b1 -a1 -b1 -a2',
    'a1 b1 a2 a3',
  ],
  [
    'groups with much to do alternate',
    1,
    'a1 a2 a3 b1 b2 b3 -a1 -b1 -a2 -b2 -a3',
    'a1 b1 a2 b2 a3 b3',
  ],
  [
    'three groups take turns, in the order in which they came',
    1,
    'a1 a2 a3 c1 c2 b1 b2 -a1 -c1 -b1 -a2 -c2 -b2',
    'a1 c1 b1 a2 c2 b2 a3',
  ],
  [
    'groups that come anew do not keep one from its turn',
    1,
    'a1 a2 b1 -a1 c1 -b1 d1 -a2 -c1',
    'a1 b1 a2 c1 d1',
  ],
  [
    'a free slot goes to the group that holds fewer',
    3,
    'a1 a2 a3 a4 a5 b1 b2 -a1 -a2',
    'a1 a2 a3 b1 b2',
  ],
  [
    'a group that holds a slot for long gets no second one before another has its first',
    2,
    'a1 b1 a2 b2 b3 -b1 -b2 -a1',
    'a1 b1 b2 b3 a2',
  ],
  ['work that is done at once gives way, too', 1, 'a1 b1 -a1 a2 c1 -b1 -a2', 'a1 b1 a2 c1'],
  ['a caller that gives up waiting is passed over', 1, 'a1 b1 c1 !b1 -a1', 'a1 c1'],
  ['a group whose only work gave up is new when it comes back', 1, 'a1 b1 !b1 c1 b2 -a1', 'a1 c1'],
  ['a second release changes nothing', 1, 'a1 a2 a3 -a1 -a1', 'a1 a2'],
])('%s', async (_name, limit, script, order) => {
  expect((await play(limit, script)).order).toBe(order)
})

test('held slots and waiting callers are counted', async () => {
  expect(await play(2, 'a1 a2 a3 b1 c1 !c1')).toMatchObject({ held: 2, waiting: 2 })
  expect(await play(2, 'a1 a2 a3 -a1 -a2 -a3')).toMatchObject({ held: 0, waiting: 0 })
})

test('a caller whose signal aborted before takes no slot', async () => {
  const slots = createFairSlots(1)

  await expect(slots.acquire('a', AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')

  await slots.acquire('a', never)
  expect(slots.held).toBe(1)
})
