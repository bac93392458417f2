import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import type { RpcOutcome } from '../src/types.ts'
import { type ApiClient, createCaller } from './helpers/caller.ts'
import { channelPeer, post, upload, uploadedMedia } from './helpers/posting.ts'

test('a rule names a method, how many calls pass first and how many are met', async () => {
  const { telegram, user } = await createCaller()
  telegram.faults.add({
    method: 'updates.*',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_2' },
    after: 1,
    times: 2,
  })

  const outcomes = await many(user, 5)

  expect(outcomes.map(({ kind }) => kind)).toEqual(['result', 'error', 'error', 'result', 'result'])
  expect(outcomes[1]).toEqual({ kind: 'error', code: 420, message: 'FLOOD_WAIT_2' })
  expect(telegram.counters.snapshot().methods['updates.getState']).toMatchObject({
    calls: 5,
    errors: { FLOOD_WAIT_2: 2 },
  })
})

test('a share of calls is met, the same ones each time', async () => {
  const { telegram, user } = await createCaller()
  const run = async (): Promise<string[]> => {
    telegram.faults.clear()
    telegram.faults.add({
      method: '*',
      effect: { kind: 'error', code: -503, message: 'Timeout' },
      probability: 0.2,
      seed: 7,
    })
    return (await many(user, 200)).map(({ kind }) => kind)
  }

  const first = await run()
  const met = first.filter((kind) => kind === 'error').length

  expect(met).toBeGreaterThan(20)
  expect(met).toBeLessThan(60)
  expect(await run()).toEqual(first)
})

test('a rule may be about one account or one kind of address', async () => {
  const { telegram, user, open } = await createCaller()
  const effect = { kind: 'error', code: 500, message: 'RPC_CALL_FAIL' } as const
  const media = open(undefined, { mediaOnly: true })
  telegram.faults.add({ method: '*', effect, account: 'nobody' })
  telegram.faults.add({ method: '*', effect, account: 'main', mediaOnly: true })

  expect(await user.call('help.getConfig')).toMatchObject({ kind: 'result' })
  expect(await media.call('help.getConfig')).toMatchObject({ message: 'RPC_CALL_FAIL' })
})

test.each([
  ['drop', 'drop', 0],
  ['silence', 'silence', 0],
  ['lose-answer', 'silence', 1],
  ['drop-after', 'drop', 1],
] as const)('%s answers by %s and posts %i messages', async (kind, answer, posted) => {
  const caller = await createCaller()
  const peer = await channelPeer(caller, caller.user)
  const media = uploadedMedia(await upload(caller.user, randomBytes(10)))
  caller.telegram.faults.add({ method: 'messages.sendMedia', effect: { kind } })

  const outcome = await caller.user.call('messages.sendMedia', {
    peer,
    media,
    message: '',
    random_id: 1n,
  })

  expect(outcome.kind).toBe(answer)
  expect(caller.telegram.counters.snapshot().messagesPosted).toBe(posted)
})

test('latency delays every answer, and calls overlap', async () => {
  const { user, telegram } = await createCaller({ latencyMs: 100 })
  const start = performance.now()
  const callsAtAnswer: number[] = []

  await Promise.all(
    [1, 2, 3, 4, 5].map(async () => {
      await user.invoke('updates.getState')
      callsAtAnswer.push(telegram.counters.snapshot().methods['updates.getState']?.calls ?? 0)
    }),
  )

  expect(performance.now() - start).toBeGreaterThan(95)
  expect(callsAtAnswer).toEqual([5, 5, 5, 5, 5])
})

test('migrateDocuments moves a document to the other data centre', async () => {
  const caller = await createCaller()
  const { document } = await post(caller, randomBytes(10))
  caller.actions.migrateDocuments(4, String(document.id))

  expect(caller.telegram.store.documents.find(String(document.id))?.dcId).toBe(4)
})

async function many(client: ApiClient, count: number): Promise<RpcOutcome[]> {
  const outcomes: RpcOutcome[] = []
  for (let call = 0; call < count; call++) outcomes.push(await client.call('updates.getState'))
  return outcomes
}
