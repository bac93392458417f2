import { table } from '../../scripts/docs/markdown.ts'
import { ALL_PART_NAMES } from '../part-names.ts'
import type { Figure, Goal, PartResult, Result } from './results.ts'

/** The worker's value, those of the others with the worker's share of them, and what was aimed at. */
export function partTable({ figures }: Pick<PartResult, 'figures'>): string {
  const rows = figures.map((figure) => {
    const { worker, ...others } = figure.values
    return [
      `${figure.figure}${figure.unit === '' ? '' : `, ${figure.unit}`}`,
      worker === undefined ? '' : short(worker),
      Object.entries(others)
        .map(([name, value]) => `${name} ${short(value)}${ratioTo(value, worker)}`)
        .join('<br>'),
      (figure.goals ?? []).map((goal) => inWords(goal)).join('<br>'),
      (figure.goals ?? []).map((goal) => verdict(goal, figure)).join('<br>'),
    ]
  })
  return table(['figure', 'this worker', 'others (worker : other)', 'goal', 'met'], rows)
}

/** Each part as it was measured last. */
export function benchTables(results: readonly Result[]): string {
  const sections = ALL_PART_NAMES.flatMap((name) => {
    const [newest] = results
      .flatMap((result) => {
        const part = result.parts[name]
        return part ? [{ part, result }] : []
      })
      .sort((a, b) => b.part.date.localeCompare(a.part.date))
    return newest ? [partSection(newest.part, newest.result)] : []
  })
  return sections.join('\n\n')
}

/** A part's table with what has to be known about its run. */
function partSection(part: PartResult, about: { commit: string; cpu: string }): string {
  const minutes = (part.seconds / 60).toFixed(1)
  const when = `Commit ${about.commit}, ${part.date.slice(0, 10)}, ${minutes} minutes, load ${part.load?.toFixed(1) ?? 'not known'}, ${about.cpu}.`
  const missing = Object.entries(part.missing).map(
    ([name, why]) => `Not measured: ${name} (${why}).`,
  )
  return [`### ${part.title}`, partTable(part), [when, ...missing].join(' ')].join('\n\n')
}

function ratioTo(value: number, worker: number | undefined): string {
  return worker === undefined ? '' : ` (${(worker / value).toFixed(2)})`
}

function inWords({ of, atMost, atLeast, times }: Goal): string {
  const bound = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`
  return `${of === undefined ? '' : `${of}: `}${bound}${times === undefined ? '' : ` x ${times}`}`
}

/** Whether a goal was met; a peer that was not measured proves nothing. */
export function verdict(
  { of = 'worker', atMost, atLeast, times }: Goal,
  { values }: Figure,
): string {
  const value = values[of]
  const measure = times === undefined ? 1 : values[times]
  if (value === undefined || measure === undefined) return 'not measured'
  const ratio = value / measure
  return ratio <= (atMost ?? Number.POSITIVE_INFINITY) && ratio >= (atLeast ?? 0) ? 'yes' : 'no'
}

function short(value: number): string {
  if (Math.abs(value) >= 100) return value.toFixed(0)
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
