import { expect, test, vi } from 'vitest'
import { createThumbnails } from '../../../src/web/library/thumbnails.ts'

function setUp(limits: { atOnce?: number; most?: number } = {}) {
  const asked = new Map<number, PromiseWithResolvers<Blob | null> & { signal: AbortSignal }>()
  const alive = new Set<string>()
  let made = 0
  const thumbnails = createThumbnails({
    ...limits,
    load: (messageId, signal) => {
      const answer = Promise.withResolvers<Blob | null>()
      signal.addEventListener('abort', () => answer.reject(signal.reason))
      asked.set(messageId, { ...answer, signal })
      return answer.promise
    },
    toUrl: () => {
      made += 1
      alive.add(`blob:${made}`)
      return `blob:${made}`
    },
    revoke: (url) => void alive.delete(url),
  })
  return { thumbnails, asked, alive }
}

test('no more than the given number of requests run at once', async () => {
  const { thumbnails, asked } = setUp({ atOnce: 2 })
  for (const id of [1, 2, 3]) thumbnails.show(id, () => {})
  expect([...asked.keys()]).toEqual([1, 2])

  asked.get(1)?.resolve(null)
  await vi.waitFor(() => expect([...asked.keys()]).toEqual([1, 2, 3]))
})

test('a request is aborted when nothing shows its file, and one that waits is never made', async () => {
  const { thumbnails, asked } = setUp({ atOnce: 1 })
  const leave = thumbnails.show(1, () => {})
  thumbnails.show(2, () => {})()
  leave()
  thumbnails.show(3, () => {})
  expect(asked.get(1)?.signal.aborted).toBe(true)
  await vi.waitFor(() => expect([...asked.keys()]).toEqual([1, 3]))
})

test('a picture that is known is shown at once, without another request', async () => {
  const { thumbnails, asked } = setUp()
  const seen = vi.fn()
  const leave = thumbnails.show(1, seen)
  asked.get(1)?.resolve(new Blob())
  await vi.waitFor(() => expect(seen).toHaveBeenCalledWith('blob:1'))
  leave()
  asked.clear()

  const again = vi.fn()
  thumbnails.show(1, again)
  expect(again).toHaveBeenCalledWith('blob:1')
  expect(asked.size).toBe(0)
})

test('the pictures that were shown longest ago are revoked, and those in sight stay', async () => {
  const { thumbnails, asked, alive } = setUp({ most: 2 })
  const leaves = []
  for (const id of [1, 2, 3]) {
    const seen = vi.fn()
    leaves.push(thumbnails.show(id, seen))
    asked.get(id)?.resolve(new Blob())
    await vi.waitFor(() => expect(seen).toHaveBeenCalled())
  }
  expect([...alive]).toEqual(['blob:1', 'blob:2', 'blob:3'])
  leaves[1]?.()
  expect([...alive]).toEqual(['blob:1', 'blob:3'])

  thumbnails.close()
  expect(alive.size).toBe(0)
})

test('a failure is silent, and the picture is asked for when the file is next shown', async () => {
  const { thumbnails, asked } = setUp({ atOnce: 1 })
  const seen = vi.fn()
  const leave = thumbnails.show(1, seen)
  thumbnails.show(2, () => {})
  asked.get(1)?.reject(new Error('no answer'))
  await vi.waitFor(() => expect(asked.has(2)).toBe(true))
  asked.get(2)?.resolve(null)
  leave()
  asked.delete(1)

  thumbnails.show(1, seen)
  await vi.waitFor(() => expect(asked.has(1)).toBe(true))
  expect(seen).not.toHaveBeenCalled()
})
