import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'

export interface Figure {
  figure: string
  value: number
  unit: string
  /** What it is held against, and that one's value in the same run. */
  against?: string
  peer?: number
  target?: string
}

/** The middle of an odd number of values, the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length / 2
  const high = sorted[Math.floor(middle)] ?? Number.NaN
  return sorted.length % 2 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2
}

/** Writes `bench/results/<name>.json` and prints a table of the same figures. */
export async function saveResult(name: string, title: string, figures: Figure[]): Promise<void> {
  const folder = new URL('./results/', import.meta.url)
  await mkdir(folder, { recursive: true })
  const about = {
    title,
    commit: commitOf(),
    node: process.version,
    cpus: cpus().length,
    date: new Date().toISOString(),
  }
  await writeFile(
    new URL(`${name}.json`, folder),
    `${JSON.stringify({ ...about, figures }, null, 2)}\n`,
  )
  const rows = figures.map(({ figure, value, unit, against, peer, target }) => [
    figure,
    `${round(value)} ${unit}`,
    peer === undefined ? '' : `${round(peer)} ${unit} (${against})`,
    peer === undefined ? '' : `${round(value / peer)}`,
    target ?? '',
  ])
  const table = [['figure', 'this worker', 'against', 'ratio', 'target'], ...rows]
  console.log(`\n${title}\n`)
  for (const [index, row] of table.entries()) {
    console.log(`| ${row.join(' | ')} |`)
    if (index === 0) console.log(`|${' --- |'.repeat(row.length)}`)
  }
}

/** The commit that was measured, with `+` where the tree had changes; null outside of a repository. */
function commitOf(): string | null {
  try {
    const git = (...args: string[]): string =>
      execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    const isClean = git('status', '--porcelain', '--untracked-files=no') === ''
    return `${git('rev-parse', '--short=12', 'HEAD')}${isClean ? '' : '+'}`
  } catch {
    return null
  }
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
