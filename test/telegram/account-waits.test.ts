import { expect, test, vi } from 'vitest'
import { createAccountWaits, loadAccountWaits } from '../../src/telegram/account-waits.ts'
import { createWaitStore } from '../../src/telegram/wait-store.ts'

test('a wait ends by itself, and a shorter one does not end a longer one', () => {
  let now = 0
  const waits = createAccountWaits({ store: storeIn(new Map()), now: () => now })
  waits.asked('ann', 100)
  waits.asked('ann', 5)

  now = 10_500
  expect(waits.secondsLeft('ann')).toBe(90)
  expect(waits.secondsLeft('bob')).toBe(0)
  now = 100_000
  expect(waits.secondsLeft('ann')).toBe(0)
})

test('an account counts for an hour after its use, and as long as it waits', () => {
  let now = 0
  const waits = createAccountWaits({ store: storeIn(new Map()), now: () => now })
  waits.used(['ann', 'bob'])
  waits.asked('ann', 7_200)
  expect(waits.all()).toEqual([0, 7_200])

  now = 3_600_001
  expect(waits.all()).toEqual([3_600])
  now = 7_200_000
  expect(waits.all()).toEqual([])
})

test('the number of accounts is bounded: the ones longest unused are forgotten', () => {
  const waits = createAccountWaits({ store: storeIn(new Map()), now: () => 0 })
  waits.asked('ann', 60)
  waits.used(Array.from({ length: 4_999 }, (_, n) => `account ${n}`))
  waits.used(['ann'])
  waits.used(Array.from({ length: 4_000 }, (_, n) => `other ${n}`))

  expect(waits.all()).toHaveLength(5_000)
  expect(waits.secondsLeft('ann')).toBe(60)
})

test('the rest of a wait, reported again in whole seconds, does not make it longer', () => {
  let now = 0
  const waits = createAccountWaits({ store: storeIn(new Map()), now: () => now })
  waits.asked('ann', 5)

  now = 4_990
  waits.asked('ann', 1)
  now = 5_000
  expect(waits.secondsLeft('ann')).toBe(0)

  waits.asked('ann', 1)
  expect(waits.secondsLeft('ann')).toBe(1)
})

test('a long wait outlives a restart, a short one and one that has ended do not', async () => {
  const ledger = new Map<string, Buffer>()
  const before = createAccountWaits({ store: storeIn(ledger), now: () => 0 })
  before.asked('ann', 25_000)
  before.asked('bob', 50)
  before.asked('eve', 70)

  const after = await loadAccountWaits({ store: storeIn(ledger), now: () => 71_000 })

  expect(after.secondsLeft('ann')).toBe(24_929)
  expect(after.all()).toEqual([24_929])
})

test('stored waits are bounded: those of the accounts that were used last', async () => {
  const ledger = new Map<string, Buffer>()
  const before = createAccountWaits({ store: storeIn(ledger), now: () => 0 })
  for (let n = 0; n < 150; n++) before.asked(`account ${n}`, 25_000)

  const after = await loadAccountWaits({ store: storeIn(ledger), now: () => 0 })

  expect(after.all()).toHaveLength(100)
  expect(after.secondsLeft('account 149')).toBe(25_000)
})

test('waits that cannot be read are taken for none', async () => {
  const store = { load: () => Promise.reject(new Error('no disk')), save: async () => {} }

  const waits = await loadAccountWaits({ store, now: () => 0 })

  expect(waits.all()).toEqual([])
})

function storeIn(ledger: Map<string, Buffer>, { isShared = false } = {}) {
  const secrets = {
    secret: async (name: string) => ledger.get(name) ?? null,
    saveSecret: async (name: string, value: Uint8Array) =>
      void ledger.set(name, Buffer.from(value)),
  }
  return createWaitStore(secrets, { isShared })
}

test('what one node was asked to wait for, the others learn from the ledger', async () => {
  const secrets = new Map<string, Buffer>()
  const now = (): number => 0
  const first = storeIn(secrets, { isShared: true })
  const second = storeIn(secrets, { isShared: true })
  const [ofFirst, ofSecond] = [first, second].map((store) => createAccountWaits({ store, now }))
  ofFirst?.asked('ann', 600)
  await vi.waitFor(async () => expect(await first.load()).toHaveLength(1))
  ofSecond?.asked('bob', 900)
  await vi.waitFor(async () => expect(await first.load()).toHaveLength(2))

  ofSecond?.learn(await second.load())

  expect(ofSecond?.secondsLeft('ann')).toBe(600)
  expect(ofSecond?.secondsLeft('bob')).toBe(900)
})
