import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import type { PartName } from '../part-names.ts'
import { median, type Run, type Runs } from './rounds.ts'

/** What a figure is held to: a bound, or a multiple of a contestant's value in the same run. */
export interface Goal {
  /** Whose value is held to it; the worker's by default. */
  of?: string
  atMost?: number
  atLeast?: number
  /** Makes the bound a multiple of this one's value. */
  times?: string
}

export interface Figure {
  figure: string
  unit: string
  /** Medians, by who was measured. */
  values: Record<string, number>
  /** What the medians are of. */
  rounds?: Record<string, number[]>
  goals?: Goal[]
}

/** A part of the bench as it was run once. */
export interface PartResult {
  title: string
  date: string
  /** How long it took, seconds. */
  seconds: number
  rounds: number
  /** The machine's load average at the end, with what ran beside the bench in it; null: not known. */
  load: number | null
  missing: Record<string, string>
  figures: Figure[]
}

/** `bench/results/<date>-<commit>.json`: the parts that were run on one day with one commit. */
export interface Result {
  /** With `+` where the tree had changes. */
  commit: string
  node: string
  cpus: number
  cpu: string
  parts: Partial<Record<PartName, PartResult>>
}

const FOLDER = new URL('../results/', import.meta.url)

/** A figure of all contestants: the median of their runs, and the runs. */
export function figureOf(
  { figure, unit, goals }: Pick<Figure, 'figure' | 'unit' | 'goals'>,
  runs: Runs,
  of: (run: Run) => number,
): Figure {
  const rounds = Object.fromEntries([...runs].map(([name, all]) => [name, all.map(of)]))
  const values = Object.fromEntries(
    Object.entries(rounds).map(([name, all]) => [name, median(all)]),
  )
  return { figure, unit, values, rounds, ...(goals && { goals }) }
}

/** How busy the emulator was; a figure of MB/s beside 100 is the emulator's, not the contestant's. */
export function emulatorFigure(figure: string, runs: Runs): Figure {
  const what = { figure: `${figure}: the emulator's main thread was busy`, unit: '%' }
  return figureOf(what, runs, (run) => run.emulatorBusy * 100)
}

/** Adds a part to the result of this day and commit. */
export async function savePart(
  name: string,
  part: Omit<PartResult, 'date' | 'load'>,
): Promise<URL> {
  await mkdir(FOLDER, { recursive: true })
  const date = new Date().toISOString()
  const commit = commitOf()
  const path = new URL(`${date.slice(0, 10)}-${commit}.json`, FOLDER)
  const before = await readFile(path, 'utf8').then(
    (text): Result => JSON.parse(text),
    () => null,
  )
  const result: Result = {
    commit,
    node: process.version,
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown',
    parts: { ...before?.parts, [name]: { ...part, date, load: loadavg()[0] ?? null } },
  }
  await writeFile(path, `${JSON.stringify(result, rounded, 2)}\n`)
  return path
}

/** All results, in no order. */
export async function readResults(): Promise<Result[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.json'))
  return Promise.all(
    names.map(async (name) => JSON.parse(await readFile(new URL(name, FOLDER), 'utf8'))),
  )
}

/** The commit that was measured, with `+` where the tree had changes. */
function commitOf(): string {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    const isClean = git('status', '--porcelain', '--', ':!bench/results', ':!BENCHMARKS.md') === ''
    return `${git('rev-parse', '--short=10', 'HEAD')}${isClean ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}

function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(5)) : value
}
