import { expect, test, vi } from 'vitest'
import { createUploadSlots } from '../../../src/web/uploads/upload-slots.ts'

const file = (id: string, fields = {}) => ({ id, paused: false, isLarge: false, ...fields })

test('files take turns, and a paused one lets the others pass', async () => {
  const slots = createUploadSlots(2)
  const begun: string[] = []
  const add = (id: string, fields = {}): void =>
    void slots.acquire(file(id, fields)).then(
      () => begun.push(id),
      () => {},
    )

  for (const id of ['a', 'b']) add(id)
  add('paused', { paused: true })
  add('c')
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b']))
  slots.release('a')
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'c']))
  expect([slots.active, slots.waiting]).toEqual([2, 0])

  slots.release('b')
  slots.setPaused('paused', false)
  await vi.waitFor(() => expect(begun).toEqual(['a', 'b', 'c', 'paused']))
})

test('large files leave a place to the others, however long they take', async () => {
  const slots = createUploadSlots(3)
  const begun: string[] = []
  const add = (id: string, isLarge: boolean): void =>
    void slots.acquire(file(id, { isLarge })).then(() => begun.push(id))

  for (const id of ['film 1', 'film 2', 'film 3']) add(id, true)
  for (const id of ['photo 1', 'photo 2']) add(id, false)
  await vi.waitFor(() => expect(begun).toEqual(['film 1', 'film 2', 'photo 1']))
  slots.release('photo 1')
  await vi.waitFor(() => expect(begun).toContain('photo 2'))
  slots.release('film 1')

  await vi.waitFor(() => expect(begun).toContain('film 3'))
})
