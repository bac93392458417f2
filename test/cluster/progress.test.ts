import { randomBytes } from 'node:crypto'
import { fastify } from 'fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPeers } from '../../src/cluster/peers/peers.ts'
import { shareBoard } from '../../src/core/cluster/progress/shared-board.ts'
import type { WatchedRows } from '../../src/core/ports/cluster/watched-rows.ts'
import type { Upload } from '../../src/core/ports/records.ts'
import { createProgressBoard, whenEnded } from '../../src/core/progress/progress-board.ts'
import { clusterRoutes } from '../../src/http/cluster/routes.ts'
import { freePort } from '../helpers/free-port.ts'
import { createRecordingLog } from '../helpers/recording-log.ts'
import { makeUpload } from '../helpers/upload.ts'

/** Nodes that ask each other over real sockets, and rows that they share. */
function createNodes() {
  const secret = randomBytes(32)
  const uploads = new Map<string, { upload: Upload; carrier: string | null }>()
  let looks = 0

  async function start() {
    const self = `http://127.0.0.1:${await freePort()}`
    const log = createRecordingLog()
    const peers = createPeers({ secret, self, log })
    const app = fastify({ forceCloseConnections: true })
    await app.register(clusterRoutes, { door: peers.door })
    await app.listen({ port: Number(new URL(self).port), host: '127.0.0.1' })
    const here = new Set<string>()
    const rows: WatchedRows = {
      watchedRows: async ({ ids, owners }) => {
        looks++
        const found = [...uploads.values()].filter(
          ({ upload }) => ids.includes(upload.id) || owners.includes(upload.owner),
        )
        return { uploads: found, jobs: [] }
      },
    }
    const isHere = (id: string): boolean => here.has(id)
    const own = createProgressBoard()
    const asked: string[][] = []
    const watching = {
      ...peers,
      ask: ((node, question, options) => {
        asked.push((question.body as { uploadIds: string[] }).uploadIds)
        return peers.ask(node, question, options)
      }) satisfies typeof peers.ask,
    }
    const board = shareBoard(own, {
      ...{ self, peers: watching, rows, isHere, now: Date.now, log, signal: peers.closed },
    })
    const stop = async (): Promise<void> => {
      peers.close()
      await app.close()
    }
    onTestFinished(stop)
    return { self, board, here, asked, stop }
  }

  type Node = Awaited<ReturnType<typeof start>>

  /** The row says that the node carries it, and it does. */
  function carry(node: Node, changes: Partial<Upload> = {}): Upload {
    const upload = makeUpload({ state: 'sealed', size: 1_000, touchedAt: Date.now(), ...changes })
    uploads.set(upload.id, { upload, carrier: node.self })
    node.here.add(upload.id)
    return upload
  }

  /** Its row has ended. */
  function end(upload: Upload, changes: Partial<Upload>): Upload {
    const ended = { ...upload, finishedAt: Date.now(), ...changes }
    uploads.set(upload.id, { upload: ended, carrier: null })
    return ended
  }

  /** What listeners at a node hear. */
  function listen(node: Node, subject: { uploadId: string } | { owner: string }) {
    const heard: string[] = []
    const unsubscribe = node.board.subscribe(subject, (progress, id) => {
      heard.push(`${id} ${progress ? `${progress.phase} ${progress.progress}` : 'gone'}`)
    })
    onTestFinished(unsubscribe)
    return { heard, unsubscribe }
  }

  return { start, carry, end, listen, uploads, looks: () => looks }
}

const sending = (acceptedBytes: number) => ({ phase: 'sending', acceptedBytes }) as const
const completed = {
  result: { messageId: 7, fileId: 'f', digests: null },
  state: 'completed',
} as const

test('listeners at another node hear what the carrier tells, and its end once', async () => {
  const nodes = createNodes()
  const [a, b, c] = await Promise.all([nodes.start(), nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  const one = nodes.listen(b, { uploadId: 'u' })
  const all = nodes.listen(c, { owner: upload.owner })
  await vi.waitFor(() => expect([b.asked, c.asked]).toEqual([[['u']], [['u']]]))

  a.board.report(upload, sending(500))
  await vi.waitFor(() => expect(one.heard.at(-1)).toBe('u sending 60'))
  await vi.waitFor(() => expect(all.heard.at(-1)).toBe('u sending 60'))
  a.board.finish(nodes.end(upload, completed))
  a.here.delete('u')

  await vi.waitFor(() => expect(one.heard.at(-1)).toBe('u completed 100'))
  await vi.waitFor(() => expect(all.heard.at(-1)).toBe('u completed 100'))
  const before = nodes.looks()
  await vi.waitFor(() => expect(nodes.looks()).toBeGreaterThan(before + 3))
  expect(
    [one.heard, all.heard].map((heard) => heard.filter((line) => /completed/.test(line))),
  ).toEqual([['u completed 100'], ['u completed 100']])
})

test('one question to each carrier is for all that is watched; it ends when nobody listens', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  for (const id of ['u', 'v', 'w']) nodes.carry(a, { id, owner: id })
  const watched = ['u', 'v', 'w'].map((uploadId) => nodes.listen(b, { uploadId }))
  await vi.waitFor(() => expect(b.asked.at(-1)?.toSorted()).toEqual(['u', 'v', 'w']))

  for (const { unsubscribe } of watched) unsubscribe()
  const after = nodes.listen(a, { owner: 'u' })
  a.board.report(nodes.carry(a, { id: 'u', owner: 'u' }), sending(500))

  expect(after.heard).toEqual(['u sending 60'])
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  const looks = nodes.looks()
  after.unsubscribe()
  await new Promise((resolve) => setTimeout(resolve, 1_500))
  expect(nodes.looks() - looks).toBeLessThan(2)
  expect(watched.flatMap(({ heard }) => heard).filter((line) => /sending/.test(line))).toEqual([])
})

test("two nodes that watch each other's uploads send nothing back and forth", async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const [u, v] = [nodes.carry(a, { id: 'u' }), nodes.carry(b, { id: 'v' })]
  const [atA, atB] = [nodes.listen(a, { owner: u.owner }), nodes.listen(b, { owner: u.owner })]
  await vi.waitFor(() => expect([a.asked.at(-1), b.asked.at(-1)]).toEqual([['v'], ['u']]))

  a.board.report(u, sending(500))
  b.board.report(v, sending(500))

  for (const { heard } of [atA, atB]) {
    await vi.waitFor(() =>
      expect(heard).toEqual(expect.arrayContaining(['u sending 60', 'v sending 60'])),
    )
  }
  await new Promise((resolve) => setTimeout(resolve, 500))
  for (const { heard } of [atA, atB]) {
    expect(heard.filter((line) => /sending/.test(line)).toSorted()).toEqual([
      'u sending 60',
      'v sending 60',
    ])
  }
})

test('a watch goes on with the next carrier, and no percent falls', async () => {
  const nodes = createNodes()
  const [a, b, c] = await Promise.all([nodes.start(), nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  const { heard } = nodes.listen(c, { uploadId: 'u' })
  await vi.waitFor(() => expect(c.asked).toHaveLength(1))
  a.board.report(upload, sending(500))
  await vi.waitFor(() => expect(heard.at(-1)).toBe('u sending 60'))

  a.here.delete('u')
  await a.stop()
  const moved = nodes.carry(b, { id: 'u', lastPercent: 55 })
  b.board.report(moved, sending(0))
  await vi.waitFor(() => expect(c.asked).toHaveLength(2))
  b.board.report(moved, sending(900))

  await vi.waitFor(() => expect(heard.at(-1)).toBe('u sending 84'))
  const percents = heard.map((line) => Number(line.split(' ')[2]))
  expect(percents).toEqual(percents.toSorted((one, other) => one - other))
})

test('without the carrier the rows tell how it stands, and that it was cancelled or is gone', async () => {
  const nodes = createNodes()
  const b = await nodes.start()
  const nowhere = `http://127.0.0.1:${await freePort()}`
  const upload = makeUpload({ id: 'u', state: 'sealed', lastPercent: 40 })
  nodes.uploads.set('u', { upload, carrier: nowhere })
  nodes.uploads.set('v', { upload: makeUpload({ id: 'v' }), carrier: null })
  const [u, v] = [nodes.listen(b, { uploadId: 'u' }), nodes.listen(b, { uploadId: 'v' })]

  await vi.waitFor(() => expect(u.heard.at(-1)).toBe('u queued 40'))
  nodes.uploads.set('u', { upload: { ...upload, lastPercent: 50 }, carrier: nowhere })
  await vi.waitFor(() => expect(u.heard.at(-1)).toBe('u queued 50'))
  nodes.end(upload, { state: 'cancelled', lastPercent: 50, reason: 'Upload cancelled' })
  nodes.uploads.delete('v')

  await vi.waitFor(() => expect(u.heard.at(-1)).toBe('u cancelled 50'))
  await vi.waitFor(() => expect(v.heard.at(-1)).toBe('v gone'))
})

test('a poll at another node is live from the second one on, and a wait counts down', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  a.board.report(upload, sending(500))

  expect(b.board.of(upload)).toMatchObject({ phase: 'queued', progress: 5 })
  await vi.waitFor(() =>
    expect(b.board.of(upload)).toMatchObject({ phase: 'sending', progress: 60 }),
  )
  a.board.report(upload, { phase: 'waiting', retryAfter: 30 })

  await vi.waitFor(() => expect(b.board.of(upload)).toMatchObject({ phase: 'waiting' }))
  expect(b.board.of(upload).retryAfter).toBeLessThanOrEqual(30)
})

test('what ends at this node is not told again by its row, nor by another node', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  const { heard } = nodes.listen(b, { owner: upload.owner })
  await vi.waitFor(() => expect(b.asked).toHaveLength(1))
  a.here.delete('u')

  b.board.finish(nodes.end(upload, { state: 'cancelled', reason: 'Upload cancelled' }))

  const before = nodes.looks()
  await vi.waitFor(() => expect(nodes.looks()).toBeGreaterThan(before + 2))
  expect(heard.filter((line) => /cancelled/.test(line))).toHaveLength(1)
})

test('who waits for the end of an upload hears of it at any node', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  const ended = whenEnded(b.board, 'u', async () => upload, new AbortController().signal)
  await vi.waitFor(() => expect(b.asked).toHaveLength(1))

  a.board.finish(nodes.end(upload, completed))

  expect(await ended).toMatchObject({ status: 'completed', messageId: 7 })
})

test('the 99th of a hundred changes is heard at another node within 400 ms', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u', size: 1_000_000 })
  const times = new Map<number, number>()
  const delays: number[] = []
  b.board.subscribe({ uploadId: 'u' }, (progress) => {
    const told = times.get(progress?.progress ?? -1)
    if (told !== undefined) delays.push(performance.now() - told)
  })
  await vi.waitFor(() => expect(b.asked).toHaveLength(1))

  for (let percent = 31; percent <= 89; percent++) {
    times.set(percent, performance.now())
    a.board.report(upload, sending(((percent - 29.99) / 60) * 1_000_000))
    await new Promise((resolve) => setTimeout(resolve, 40))
  }

  await vi.waitFor(() => expect(delays.length).toBeGreaterThan(20))
  const sorted = delays.toSorted((one, other) => one - other)
  expect(sorted[Math.floor(sorted.length * 0.99)]).toBeLessThan(400)
})

test('what is told at the beginning is not ahead of what listeners hear next', async () => {
  const nodes = createNodes()
  const b = await nodes.start()
  const upload = makeUpload({ id: 'u', state: 'sealed', lastPercent: 30 })
  nodes.uploads.set('u', { upload, carrier: 'http://127.0.0.1:9' })
  const { heard } = nodes.listen(b, { uploadId: 'u' })

  const { progress } = b.board.of({ ...upload, lastPercent: 34 })
  await vi.waitFor(() => expect(nodes.looks()).toBeGreaterThan(1))

  expect([progress, heard]).toEqual([34, ['u queued 34']])
})

test('an upload that another node goes on with is not behind what this node has told of it', async () => {
  const nodes = createNodes()
  const [a, b] = await Promise.all([nodes.start(), nodes.start()])
  const upload = nodes.carry(a, { id: 'u' })
  const { heard } = nodes.listen(a, { uploadId: 'u' })
  a.board.report(upload, sending(500))

  a.here.delete('u')
  const moved = nodes.carry(b, { id: 'u', lastPercent: 40 })
  b.board.report(moved, sending(0))
  await vi.waitFor(() => expect(a.asked).toHaveLength(1))
  b.board.report(moved, sending(900))

  await vi.waitFor(() => expect(heard.at(-1)).toBe('u sending 84'))
  const percents = heard.map((line) => Number(line.split(' ')[2]))
  expect(percents).toEqual(percents.toSorted((one, other) => one - other))
})
