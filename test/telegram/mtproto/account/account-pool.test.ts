import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Account } from '../../../../src/telegram/mtproto/account/account.ts'
import { createAccountPool } from '../../../../src/telegram/mtproto/account/account-pool.ts'

const IDLE_MS = 1_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** As much of an account as the pool knows; it connects again whenever a test says so. */
function makeAccount() {
  const account = {
    connected: true,
    disconnect: () => {
      account.connected = false
    },
    close: () => {
      account.connected = false
    },
  }
  return account
}

test('an unused account that connects once more is disconnected again', async () => {
  const account = makeAccount()
  const pool = createAccountPool({ idleMs: IDLE_MS, maxAccounts: 2 })
  await pool.use(
    'a',
    () => account as unknown as Account,
    async () => {},
  )
  await vi.advanceTimersByTimeAsync(IDLE_MS)
  expect(account.connected).toBe(false)

  account.connected = true
  await vi.advanceTimersByTimeAsync(IDLE_MS)

  expect(account.connected).toBe(false)
})

test('an account that was forgotten while it was used keeps no timer', async () => {
  const account = makeAccount()
  const pool = createAccountPool({ idleMs: IDLE_MS, maxAccounts: 2 })
  const { promise: done, resolve: end } = Promise.withResolvers<void>()
  const using = pool.use(
    'a',
    () => account as unknown as Account,
    () => done,
  )

  pool.close()
  end()
  await using

  expect(vi.getTimerCount()).toBe(0)
})
