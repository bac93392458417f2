import { expect, test } from 'vitest'
import { type MakeLedger, NOW } from './fixtures.ts'

/** What tickets need. */
export function keepsTickets(make: MakeLedger): void {
  test('a token kept for tickets ends with the last of them, or with the epoch', async () => {
    const { ledger } = await make()
    const kept = { tokenId: 'a1', token: 'login', expiresAt: NOW + 10 }
    await ledger.issueTicket('ann', kept, NOW)
    await ledger.issueTicket('ann', { ...kept, expiresAt: NOW + 5 }, NOW)
    await ledger.issueTicket('bob', { ...kept, tokenId: 'b1' }, NOW)

    await ledger.deleteExpiredTicketTokens(NOW + 9)
    expect(await ledger.ticketToken('a1', NOW + 9)).toBe('login')
    expect(await ledger.ticketToken('a1', NOW + 10)).toBeNull()

    await ledger.endTicketEpoch('ann', NOW)
    expect(await ledger.ticketToken('a1', NOW)).toBeNull()
    expect(await ledger.ticketToken('b1', NOW)).toBe('login')
    await ledger.deleteExpiredTicketTokens(NOW + 10)
    expect(await ledger.ticketToken('b1', NOW)).toBeNull()
  })

  test('epochs of tickets count up, also past those of a ledger that was lost', async () => {
    const { ledger } = await make()
    expect(await ledger.ticketEpoch('ann')).toBeNull()

    const first = await ledger.issueTicket('ann', null, NOW)
    expect(await ledger.issueTicket('ann', null, NOW + 5000)).toBe(first)
    await ledger.endTicketEpoch('ann', NOW)
    expect(await ledger.ticketEpoch('ann')).toBe(first + 1)
    await ledger.endTicketEpoch('ann', NOW + 60_000)
    expect(await ledger.ticketEpoch('ann')).toBe(first + 60)

    const next = await (await make()).ledger.issueTicket('ann', null, NOW + 61_000)
    expect(next).toBeGreaterThan(first + 60)
  })

  test('derived keys differ by purpose and by ledger, and stay what they are', async () => {
    const { ledger } = await make()

    const key = ledger.deriveKey('a')

    expect(key).toHaveLength(32)
    expect(ledger.deriveKey('a')).toEqual(key)
    expect(ledger.deriveKey('b')).not.toEqual(key)
    expect((await make()).ledger.deriveKey('a')).not.toEqual(key)
  })
}
