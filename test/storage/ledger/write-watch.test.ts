import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { wrapDatabase } from '../../../src/storage/ledger/database.ts'

test('a transaction is one write, however many rows it changes; a failed one counts as well', () => {
  const raw = new DatabaseSync(':memory:')
  onTestFinished(() => raw.close())
  let writes = 0
  const database = wrapDatabase(raw, { onWrite: () => writes++ })
  database.exec('CREATE TABLE rows (value INTEGER)')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  const counted = (work: () => unknown): number => {
    const before = writes
    work()
    return writes - before
  }

  expect(counted(() => insert.run(1))).toBe(1)
  const three = (): number[] => database.transaction(() => [1, 2, 3].map((n) => insert.run(n)))
  expect(counted(three)).toBe(1)
  const failing = (): never =>
    database.transaction(() => {
      insert.run(4)
      throw new Error('no')
    })
  expect(counted(() => expect(failing).toThrow('no'))).toBe(1)
  expect(counted(() => insert.run(5))).toBe(1)
  expect(counted(() => database.prepare('SELECT count(*) FROM rows').get())).toBe(0)
})
