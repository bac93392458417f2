import { expect, test, vi } from 'vitest'
import { countJobs } from '../../../src/core/progress/job-counts.ts'
import { createJobQueue, type JobQueue } from '../../../src/core/runtime/job-queue.ts'

function named(key: string, group = 'ann') {
  return { key, group }
}

function stagesOf(queue: JobQueue) {
  return [...queue.stages().values()]
}

function never(signal: AbortSignal): Promise<void> {
  return new Promise((_resolve, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
}

test('a key runs once at a time', async () => {
  const queue = createJobQueue({ concurrency: 1, onError: () => {} })

  expect(queue.start(named('a'), ({ signal }) => never(signal).catch(() => {}))).toBe(true)
  expect(queue.start(named('a'), async () => {})).toBe(false)
  await queue.abort('a', new Error('stop'))
  expect(queue.start(named('a'), async () => {})).toBe(true)
})

test('only as many jobs as there are slots work at once, and waiting costs none', async () => {
  const queue = createJobQueue({ concurrency: 2, onError: () => {} })
  let working = 0
  let most = 0
  const ended: string[] = []
  const waiting = queue.start(named('idle'), ({ signal }) => never(signal).catch(() => {}))

  for (const key of ['a', 'b', 'c', 'd', 'e']) {
    queue.start(named(key), ({ slot }) =>
      slot(async () => {
        most = Math.max(most, ++working)
        await new Promise((resolve) => setImmediate(resolve))
        working--
        ended.push(key)
      }),
    )
  }

  await vi.waitFor(() => expect(ended).toHaveLength(5))
  expect(waiting).toBe(true)
  expect(most).toBe(2)
  expect(ended).toEqual(['a', 'b', 'c', 'd', 'e'])
  await queue.close(new Error('stop'))
})

test('what escapes a job is reported and frees its key and slot', async () => {
  const errors: unknown[] = []
  const queue = createJobQueue({
    concurrency: 1,
    onError: (key, error) => errors.push([key, error]),
  })
  const bug = new Error('bug')

  queue.start(named('a'), ({ slot }) => slot(() => Promise.reject(bug)))

  await vi.waitFor(() => expect(errors).toEqual([['a', bug]]))
  await vi.waitFor(() => expect(queue.has('a')).toBe(false))
  const ran = vi.fn()
  queue.start(named('b'), ({ slot }) => slot(async () => ran()))
  await vi.waitFor(() => expect(ran).toHaveBeenCalledOnce())
})

test('close aborts what runs, waits for it, and takes no more', async () => {
  const queue = createJobQueue({ concurrency: 1, onError: () => {} })
  const reasons: unknown[] = []
  for (const key of ['a', 'b']) {
    queue.start(named(key), ({ slot, signal }) =>
      slot(() => never(signal)).catch((reason: unknown) => void reasons.push(reason)),
    )
  }
  const bye = new Error('bye')
  await vi.waitFor(() => expect(stagesOf(queue)).toContain('queued'))

  await queue.close(bye)

  expect(reasons).toEqual([bye, bye])
  expect(stagesOf(queue)).toEqual([])
  expect(queue.start(named('c'), async () => {})).toBe(false)
})

test('groups take turns, also with jobs that come back for another slot', async () => {
  const queue = createJobQueue({ concurrency: 1, onError: () => {} })
  const order: string[] = []
  const turn = (key: string) => async () => {
    order.push(key)
    await new Promise((resolve) => setImmediate(resolve))
  }

  for (const key of ['a1', 'a2', 'a3']) {
    queue.start(named(key), async ({ slot }) => {
      await slot(turn(key))
      await slot(turn(`${key} again`))
    })
  }
  queue.start(named('b1', 'bob'), ({ slot }) => slot(turn('b1')))

  await vi.waitFor(() => expect(stagesOf(queue)).toEqual([]))
  expect(order).toEqual(['a1', 'b1', 'a2', 'a3', 'a1 again', 'a2 again', 'a3 again'])
})

test('only a job that works counts as running', async () => {
  const queue = createJobQueue({ concurrency: 2, onError: () => {} })
  const asked = new Set(['asked to wait', 'between tries'])
  const stopped = (signal: AbortSignal) => never(signal).catch(() => {})
  queue.start(named('waits for chunks'), ({ signal }) => stopped(signal))
  queue.start(named('between tries'), ({ signal }) => stopped(signal))
  for (const key of ['works', 'asked to wait', 'has no slot']) {
    queue.start(named(key), ({ slot, signal }) => slot(() => stopped(signal)).catch(() => {}))
  }
  await vi.waitFor(() => expect(stagesOf(queue)).toContain('queued'))

  const counts = countJobs(queue, { isWaiting: (key) => asked.has(key) })

  expect(counts).toEqual({ all: 5, running: 1, waiting: 3 })
  await queue.close(new Error('stop'))
})

test('a job with two slots works until both are given back', async () => {
  const queue = createJobQueue({ concurrency: 2, onError: () => {} })
  const works = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  queue.start(named('a'), async ({ slot }) => {
    await Promise.all(works.map(({ promise }) => slot(() => promise)))
  })
  await vi.waitFor(() => expect(stagesOf(queue)).toEqual(['working']))

  works[0]?.resolve()
  await new Promise((resolve) => setImmediate(resolve))
  expect(stagesOf(queue)).toEqual(['working'])
  works[1]?.resolve()

  await queue.ended('a')
  expect(queue.stages().size).toBe(0)
})
