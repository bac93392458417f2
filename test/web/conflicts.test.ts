import { expect, test } from 'vitest'
import {
  type Candidate,
  NO_ANSWERS,
  openConflicts,
  postpone,
  withoutOld,
} from '../../src/web/uploads/conflicts.ts'

const CONFLICT = { conflicts: true, leaving: false }
const LEAVING = { conflicts: false, leaving: true }
const DONE = { conflicts: false, leaving: false }

test('files in conflict are asked for in their order, and others may follow', () => {
  const uploads = candidates({ a: CONFLICT, b: LEAVING, c: CONFLICT, d: DONE })

  expect(openConflicts(uploads, NO_ANSWERS)).toEqual({ ids: ['a', 'c'], isMoreComing: true })
  expect(openConflicts(candidates({ a: CONFLICT }), NO_ANSWERS).isMoreComing).toBe(false)
})

test('a postponed file is asked for again only after it was tried again', () => {
  const answers = postpone(NO_ANSWERS, ['a'])

  const still = withoutOld(answers, candidates({ a: CONFLICT, b: CONFLICT }))
  expect(openConflicts(candidates({ a: CONFLICT, b: CONFLICT }), still).ids).toEqual(['b'])
  const tried = withoutOld(still, candidates({ a: LEAVING, b: CONFLICT }))
  expect(openConflicts(candidates({ a: CONFLICT, b: CONFLICT }), tried).ids).toEqual(['a', 'b'])
})

test('an answer for all others stands while files are under way or in conflict', () => {
  const answers = { ...NO_ANSWERS, standing: 'replace' } as const

  expect(withoutOld(answers, candidates({ a: CONFLICT }))).toBe(answers)
  expect(withoutOld(answers, candidates({ a: LEAVING, b: DONE }))).toBe(answers)
  expect(withoutOld(answers, candidates({ a: DONE })).standing).toBe(null)
})

test('a postponed file does not keep an answer for all others', () => {
  const answers = postpone({ ...NO_ANSWERS, standing: 'skip' }, ['a'])

  expect(withoutOld(answers, candidates({ a: CONFLICT })).standing).toBe(null)
})

function candidates(states: Record<string, Omit<Candidate, 'id'>>): Candidate[] {
  return Object.entries(states).map(([id, state]) => ({ id, ...state }))
}
