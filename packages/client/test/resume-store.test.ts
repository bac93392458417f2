import { expect, test } from 'vitest'
import { createStorageResumeStore } from '../src/uploads/resume-store.ts'

test('a full store drops its oldest upload', () => {
  const map = new Map<string, string>()
  const store = createStorageResumeStore({
    get length() {
      return map.size
    },
    key: (index) => [...map.keys()][index] ?? null,
    getItem: (name) => map.get(name) ?? null,
    setItem: (name, value) => void map.set(name, value),
    removeItem: (name) => void map.delete(name),
  })
  map.set('of another program', 'kept')

  for (let n = 0; n < 600; n++) void store.set(`file-${n}`, `${1000 + n}_id`)

  expect(map.size).toBe(501)
  expect(store.get('file-0')).toBeNull()
  expect(store.get('file-599')).toBe('1599_id')
  expect(map.get('of another program')).toBe('kept')
})
