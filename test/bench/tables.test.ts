import { expect, test } from 'vitest'
import { benchTables, verdict } from '../../bench/harness/tables.ts'

const figure = { figure: 'CPU', unit: 'ms/MB', values: { worker: 9, gotd: 10, slow: 30 } }

test.each([
  { goal: { atMost: 9 }, met: 'yes' },
  { goal: { atMost: 8.9 }, met: 'no' },
  { goal: { atMost: 0.9, times: 'gotd' }, met: 'yes' },
  { goal: { atLeast: 1.1, times: 'gotd' }, met: 'no' },
  { goal: { of: 'slow', atMost: 2.9, times: 'gotd' }, met: 'no' },
  { goal: { atMost: 1, times: 'nginx' }, met: 'not measured' },
])('a goal of $goal is met: $met', ({ goal, met }) => {
  expect(verdict(goal, figure)).toBe(met)
})

test('each part is shown as it was measured last, with its commit and the peers that are missing', () => {
  const part = (date: string, worker: number) => ({
    ...{ title: 'Into Telegram', date, seconds: 60, rounds: 3, load: null },
    missing: { gotd: 'no Go' },
    figures: [{ ...figure, values: { worker } }],
  })
  const result = (commit: string, date: string, worker: number) => ({
    ...{ commit, node: 'v24', cpus: 2, cpu: 'a processor' },
    parts: { upload: part(date, worker) },
  })

  const made = benchTables([
    result('newer', '2026-02-01T12:00:00Z', 22),
    result('older', '2026-02-01T11:00:00Z', 11),
  ])

  expect(made).toContain('| CPU, ms/MB | 22.0 |')
  expect(made).toContain('Commit newer, 2026-02-01')
  expect(made).toContain('Not measured: gotd (no Go).')
  expect(made).not.toContain('older')
})
