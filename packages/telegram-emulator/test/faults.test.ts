import { createHash, randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KiB } from '../src/lib/units.ts'
import type { RpcOutcome } from '../src/types.ts'
import { type ApiClient, createCaller } from './helpers/caller.ts'
import { channelPeer, PART, post, upload, uploadedMedia } from './helpers/posting.ts'

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

test('flip-byte changes one byte of one part on its way in', async () => {
  const caller = await createCaller()
  const bytes = randomBytes(3 * PART)
  caller.telegram.faults.add({
    method: 'upload.saveFilePart',
    effect: { kind: 'flip-byte', at: 7 },
    after: 1,
    times: 1,
  })

  const { document } = await post(caller, bytes)

  bytes[PART + 7] = (bytes[PART + 7] ?? 0) ^ 1
  const stored = await caller.telegram.files.read(String(document.id), 0, bytes.length)
  expect(Buffer.from(stored).equals(bytes)).toBe(true)
})

test('a part whose byte was flipped is not the one of its MD5', async () => {
  const caller = await createCaller()
  const bytes = randomBytes(10)
  const md5 = createHash('md5').update(bytes).digest('hex')
  const peer = await channelPeer(caller, caller.user)
  caller.telegram.faults.add({ method: 'upload.*', effect: { kind: 'flip-byte' } })
  const media = uploadedMedia(await upload(caller.user, bytes), md5)

  const outcome = await caller.user.call('messages.uploadMedia', { peer, media })

  expect(outcome).toMatchObject({ message: 'MD5_CHECKSUM_INVALID' })
})

test('flip-byte changes one byte on its way out, and the document stays as it is', async () => {
  const caller = await createCaller()
  const bytes = randomBytes(4 * KiB)
  const { document } = await post(caller, bytes)
  const location = {
    _: 'inputDocumentFileLocation',
    id: document.id ?? 0n,
    access_hash: document.access_hash ?? 0n,
    file_reference: document.file_reference ?? new Uint8Array(),
    thumb_size: '',
  }
  caller.telegram.faults.add({
    method: 'upload.getFile',
    effect: { kind: 'flip-byte', at: 5000 },
    times: 1,
  })
  const read = async (): Promise<unknown[]> => {
    const file = { location, offset: 0n, limit: 4 * KiB }
    const { bytes: part } = await caller.user.invoke('upload.getFile', file)
    return part instanceof Uint8Array ? [...part] : []
  }

  const damaged = await read()
  const whole = await read()

  expect(whole).toEqual([...bytes])
  bytes[5000 - 4 * KiB] = (bytes[5000 - 4 * KiB] ?? 0) ^ 1
  expect(damaged).toEqual([...bytes])
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
