import { expect, test } from 'vitest'
import { shareLeases } from '../../../src/core/cluster/lease-sharing.ts'
import { createFakeCluster } from '../../helpers/peers/fake-cluster.ts'

test('a name that two rooms have is given up when both have released it', async () => {
  const cluster = createFakeCluster()
  const share = shareLeases(cluster.node('a').leases)
  const [transfers, telegram] = [share(), share()]
  const other = cluster.node('b').leases
  await transfers.acquire('account:1')
  await telegram.acquire('account:1')
  await telegram.acquire('account:1')

  await transfers.release('account:1')
  expect(await other.acquire('account:1')).toEqual({ kind: 'elsewhere', holder: 'a' })
  await transfers.release('account:1')
  await telegram.release('account:1')

  expect(await other.acquire('account:1')).toMatchObject({ kind: 'held' })
})

test('a room that has lost a name harms nobody who has acquired it since', async () => {
  const cluster = createFakeCluster()
  const share = shareLeases(cluster.node('a').leases)
  const [transfers, telegram] = [share(), share()]
  await transfers.acquire('account:1')
  cluster.lose('account:1')
  await telegram.acquire('account:1')

  await transfers.release('account:1')

  expect(await telegram.holderOf('account:1')).toBe('a')
})
