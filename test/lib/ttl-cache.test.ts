import { expect, test, vi } from 'vitest'
import { createTtlCache } from '../../src/lib/ttl-cache.ts'

test('a value is found until its time is over', () => {
  const { cache, clock } = makeCache()

  cache.set('key', 'value', 1000)
  clock.now += 999
  expect(cache.get('key')).toBe('value')
  clock.now += 1

  expect(cache.get('key')).toBeUndefined()
  expect(cache.size).toBe(0)
})

test('a new value has a time of its own, and a time of 0 keeps nothing', () => {
  const { cache, clock } = makeCache()
  cache.set('key', 'old', 1000)

  cache.set('key', 'new', 10)
  clock.now += 10
  expect(cache.get('key')).toBeUndefined()

  cache.set('key', 'value', 1000)
  cache.set('key', 'gone', 0)
  expect(cache.get('key')).toBeUndefined()
})

test('values that weigh more push out more, and a value that is too heavy stays alone', () => {
  const cache = createTtlCache<string>({ maxEntries: 5, weigh: ({ length }) => length })
  cache.set('a', '11', 1000)
  cache.set('b', '222', 1000)

  cache.set('c', '3333', 1000)
  expect(['a', 'b', 'c'].map(cache.get)).toEqual([undefined, undefined, '3333'])

  cache.set('d', '4', 1000)
  cache.set('d', '44444444', 1000)
  expect(['c', 'd'].map(cache.get)).toEqual([undefined, '44444444'])
  cache.delete('d')
  cache.set('e', '55', 1000)
  cache.set('f', '666', 1000)
  expect(cache.size).toBe(2)
})

test('a full cache forgets the entry that was unused for longest', () => {
  const { cache } = makeCache({ maxEntries: 2 })
  cache.set('a', '1', 1000)
  cache.set('b', '2', 1000)
  cache.get('a')

  cache.set('c', '3', 1000)

  expect(['a', 'b', 'c'].map(cache.get)).toEqual(['1', undefined, '3'])
  expect(cache.size).toBe(2)
})

test('callers that come during a load share it', async () => {
  const { cache } = makeCache()
  const loaded = Promise.withResolvers<string>()
  const load = vi.fn(() => loaded.promise)

  const callers = Array.from({ length: 100 }, () => cache.load('key', load, () => 1000))
  loaded.resolve('value')

  expect(new Set(await Promise.all(callers))).toEqual(new Set(['value']))
  expect(load).toHaveBeenCalledOnce()
  expect(await cache.load('key', load, () => 1000)).toBe('value')
  expect(load).toHaveBeenCalledOnce()
})

test('a loaded value lives as long as the value itself says', async () => {
  const { cache, clock } = makeCache()
  await cache.load(
    'key',
    async () => 'short',
    (value) => value.length,
  )

  clock.now += 4
  expect(cache.get('key')).toBe('short')
  clock.now += 1
  expect(cache.get('key')).toBeUndefined()
})

test('a failed load is shared, never kept', async () => {
  const { cache } = makeCache()
  const refused = new Error('refused')
  const failing = vi.fn(() => Promise.reject(refused))

  const first = cache.load('key', failing, () => 1000)
  const second = cache.load('key', failing, () => 1000)
  await expect(first).rejects.toBe(refused)
  await expect(second).rejects.toBe(refused)
  expect(failing).toHaveBeenCalledOnce()

  expect(
    await cache.load(
      'key',
      async () => 'value',
      () => 1000,
    ),
  ).toBe('value')
})

test('a load that throws before its promise rejects, and is not kept either', async () => {
  const { cache } = makeCache()
  const broken = new Error('broken')
  const throwing = () => {
    throw broken
  }

  await expect(cache.load('key', throwing, () => 1000)).rejects.toBe(broken)

  expect(
    await cache.load(
      'key',
      async () => 'value',
      () => 1000,
    ),
  ).toBe('value')
})

test('a `ttlFor` that throws rejects, and the next call loads again', async () => {
  const { cache } = makeCache()
  const broken = new Error('broken')
  const timeless = () => {
    throw broken
  }

  await expect(cache.load('key', async () => 'value', timeless)).rejects.toBe(broken)

  expect(
    await cache.load(
      'key',
      async () => 'value',
      () => 1000,
    ),
  ).toBe('value')
})

test('a key that is deleted during its load stays deleted', async () => {
  const { cache } = makeCache()
  const outdated = Promise.withResolvers<string>()
  const first = cache.load(
    'key',
    () => outdated.promise,
    () => 1000,
  )

  cache.delete('key')
  const second = cache.load(
    'key',
    async () => 'new',
    () => 1000,
  )
  outdated.resolve('outdated')

  expect(await first).toBe('outdated')
  expect(await second).toBe('new')
  expect(cache.get('key')).toBe('new')
})

test('a value set while an older one loads stays', async () => {
  const { cache } = makeCache()
  const outdated = Promise.withResolvers<string>()
  const loading = cache.load(
    'key',
    () => outdated.promise,
    () => 1000,
  )

  cache.set('key', 'new', 1000)
  outdated.resolve('outdated')
  await loading

  expect(cache.get('key')).toBe('new')
})

function makeCache({ maxEntries = 10 } = {}) {
  const clock = { now: 0 }
  const cache = createTtlCache<string>({ maxEntries, now: () => clock.now })
  return { cache, clock }
}
