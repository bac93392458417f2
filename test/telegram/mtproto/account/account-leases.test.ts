import { expect, onTestFinished, test, vi } from 'vitest'
import { AccountElsewhere } from '../../../../src/errors.ts'
import { MiB } from '../../../../src/lib/units.ts'
import { createAccountLeases } from '../../../../src/telegram/mtproto/account/account-leases.ts'
import { createMemoryNodes } from '../../../helpers/peers/memory-nodes.ts'
import { startTelegram } from '../../../helpers/peers/telegram.ts'
import { createRecordingLog } from '../../../helpers/recording-log.ts'
import { botOf, createFile, createRequest, startGateway, userOf } from '../setup.ts'

const { signal } = new AbortController()

test('an account is used at the node that has its lease, and goes over once that node has let go of it', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const { gateway: first } = startGateway(telegram, { ...nodes.node('first'), idleMs: 50 })
  const { gateway: second } = startGateway(telegram, { ...nodes.node('second'), idleMs: 50 })
  const { messageId } = await first.finish(createRequest(credentials, createFile(1000)))
  const lease = first.leaseOf(credentials) ?? ''
  expect([...nodes.holders]).toEqual([[lease, 'first']])

  const refused = second.locate(credentials, messageId, signal)
  await expect(refused).rejects.toBeInstanceOf(AccountElsewhere)
  await expect(refused).rejects.toMatchObject({ holder: 'first', retryable: true })
  await vi.waitFor(() => expect(nodes.holders.size).toBe(0))
  await vi.waitFor(() => second.locate(credentials, messageId, signal), { timeout: 5000 })

  expect(nodes.holders.get(lease)).toBe('second')
  const counters = telegram.counters.read()
  expect(counters.keysKilled).toBe(0)
  expect(Object.values(counters.mainConnectionsPeak)).toEqual([1])
})

test('a node that loses a lease cuts its connections, and what runs fails', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const { gateway } = startGateway(telegram, nodes.node('first'))
  const file = createFile(40 * MiB)
  const request = createRequest(credentials, file)
  const sending = gateway.finish(request)
  const refused = expect(sending).rejects.toMatchObject({ code: 'LEASE_LOST' })
  await vi.waitFor(() => expect(request.journal.parts.size).toBeGreaterThan(0))

  nodes.lose(gateway.leaseOf(credentials) ?? '')

  await refused
  await vi.waitFor(() => expect(telegram.counters.read().mainConnectionsOpen).toEqual({}))
  expect(await telegram.messages(telegram.account.channelId)).toEqual([])
  await gateway.finish(createRequest(credentials, file, { journal: request.journal }))
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(1)
})

test('a node that stood still writes nothing to a main connection once it goes on', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = userOf(telegram.account)
  const { gateway: first } = startGateway(telegram, nodes.node('first'))
  const { gateway: second } = startGateway(telegram, nodes.node('second'))
  const { messageId } = await first.finish(createRequest(credentials, createFile(1000)))
  const lease = first.leaseOf(credentials) ?? ''
  const before = telegram.counters.read().methods['channels.getMessages']?.calls ?? 0
  const stream = first.channel.messages({ credentials, signal }, [messageId])

  nodes.takeFromFrozen(lease)

  await expect(stream).rejects.toMatchObject({ code: 'LEASE_LOST' })
  expect(telegram.counters.read().methods['channels.getMessages']?.calls ?? 0).toBe(before)
  await second.channel.messages({ credentials, signal }, [messageId])
  await expect(first.channel.messages({ credentials, signal }, [messageId])).rejects.toBeInstanceOf(
    AccountElsewhere,
  )
  expect(telegram.counters.read().keysKilled).toBe(0)
})

test('a bot logs in once for all nodes, and at the node that has it', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = botOf(telegram.account)
  const secrets = new Map<string, Buffer>()
  const { gateway: first } = startGateway(telegram, { ...nodes.node('first'), secrets })
  const { gateway: second } = startGateway(telegram, { ...nodes.node('second'), secrets })

  await first.channel.position({ credentials, signal })
  await expect(second.channel.position({ credentials, signal })).rejects.toBeInstanceOf(
    AccountElsewhere,
  )
  await first.close()
  await vi.waitFor(() => second.channel.position({ credentials, signal }), { timeout: 5000 })

  expect(telegram.counters.read()).toMatchObject({ authorizations: { bot: 1 }, keysKilled: 0 })
})

test('a node without a database goes on asking the holder that it knew last', async () => {
  const nodes = createMemoryNodes()
  const log = createRecordingLog()
  const leasesOf = (node: string) => {
    const { leases } = nodes.node(node)
    return createAccountLeases({ leases, log, idleMs: 60_000, leave: () => {}, cut: () => {} })
  }
  const [first, second] = [leasesOf('first'), leasesOf('second')]
  await first.use('ann', async () => {})
  await expect(second.use('ann', async () => {})).rejects.toMatchObject({ holder: 'first' })

  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
  vi.advanceTimersByTime(3_000)
  nodes.cutOff.add('second')

  await expect(second.use('ann', async () => {})).rejects.toMatchObject({ holder: 'first' })
  await expect(second.use('bob', async () => {})).rejects.toMatchObject({ code: 'SPOOL_FAILED' })
})

test('a file by the Bot API is sent by the node that has the lease of its account', async () => {
  const telegram = await startTelegram()
  const nodes = createMemoryNodes()
  const credentials = { ...botOf(telegram.account), apiId: null, apiHash: null }
  const { gateway: first } = startGateway(telegram, nodes.node('first'))
  const { gateway: second } = startGateway(telegram, nodes.node('second'))

  await first.finish(createRequest(credentials, createFile(1000)))

  await expect(second.finish(createRequest(credentials, createFile(1000)))).rejects.toBeInstanceOf(
    AccountElsewhere,
  )
  expect([...nodes.holders]).toEqual([[first.leaseOf(credentials), 'first']])
})
