import { expect, test } from 'vitest'
import { exclusively } from '../../../src/core/cluster/exclusively.ts'
import type { AcquiredLease } from '../../../src/core/ports/cluster/leases.ts'
import { AppError } from '../../../src/errors.ts'

const ELSEWHERE = { kind: 'elsewhere', holder: 'http://b' } as const

function fakeLeases(
  answer: AcquiredLease | null = null,
  release: () => Promise<void> = async () => {},
) {
  const calls: string[] = []
  const lost = new AbortController()
  const lease = { name: 'job:1', epoch: 1, lost: lost.signal, assertHeld: () => {} }
  return {
    calls,
    lost,
    acquire: async (name: string): Promise<AcquiredLease> => {
      calls.push(`acquire ${name}`)
      return answer ?? { kind: 'held', lease }
    },
    release: async (name: string) => {
      calls.push(`release ${name}`)
      await release()
    },
  }
}

test('work runs while the name is held, and then gives it up', async () => {
  const leases = fakeLeases()

  const ran = await exclusively(leases, 'job:1', async () => {
    leases.calls.push('work')
    return 7
  })

  expect(ran).toEqual({ kind: 'done', result: 7 })
  expect(leases.calls).toEqual(['acquire job:1', 'work', 'release job:1'])
})

test('nothing runs where another node has the name', async () => {
  const leases = fakeLeases(ELSEWHERE)

  const ran = await exclusively(leases, 'job:1', () => Promise.reject(new Error('it runs')))

  expect(ran).toEqual(ELSEWHERE)
  expect(leases.calls).toEqual(['acquire job:1'])
})

test('the name is given up when work fails, and the failure is told', async () => {
  const leases = fakeLeases(null, () => Promise.reject(new Error('no database')))
  const failed = exclusively(leases, 'job:1', () => Promise.reject(new Error('no')))

  await expect(failed).rejects.toThrow('no')
  expect(leases.calls).toEqual(['acquire job:1', 'release job:1'])
})

test('work is told when the lease is lost', async () => {
  const leases = fakeLeases()

  const ran = exclusively(leases, 'job:1', async (signal) => {
    leases.lost.abort(new AppError('LEASE_LOST', 'lost'))
    signal.throwIfAborted()
  })

  await expect(ran).rejects.toMatchObject({ code: 'LEASE_LOST' })
})
