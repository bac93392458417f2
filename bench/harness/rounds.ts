import { MiB } from '../../src/lib/units.ts'
import type { EmulatorProcess } from './emulator.ts'
import type { Process } from './processes.ts'

/** One measured run. */
export interface Run {
  bytes: number
  seconds: number
  /** CPU of the measured processes, seconds. */
  cpu: number
  /** Share of the time in which the emulator's main thread worked; at 1 it was the limit. */
  emulatorBusy: number
  /** Milliseconds that single requests took, where there are any. */
  times: number[]
}

/** A program that is measured: what it does in one run, and in which process. */
export interface Contestant {
  process: Process
  /** Brought about before the run, and not measured. */
  prepare?: () => Promise<unknown>
  /** Resolves with the bytes that were moved; `seconds` where the process knows them better. */
  run: () => Promise<{ bytes: number; seconds?: number; times?: number[] }>
  /** Undone after the run. */
  cleanUp?: () => Promise<unknown>
}

export type Runs = ReadonlyMap<string, Run[]>

/**
 * Lets all contestants run once in each round, by turns, so that a machine that slows down slows all
 * of them. A round before the first warms them up, and is not counted.
 */
export async function inRounds(
  contestants: ReadonlyMap<string, Contestant>,
  { rounds, emulator }: { rounds: number; emulator?: EmulatorProcess },
): Promise<Runs> {
  const runs = new Map([...contestants.keys()].map((name) => [name, [] as Run[]]))
  for (let round = -1; round < rounds; round++) {
    const order = [...contestants]
    // None of them always comes first.
    order.push(...order.splice(0, Math.max(0, round) % order.length))
    for (const [name, contestant] of order) {
      const run = await measure(contestant, emulator)
      if (round >= 0) runs.get(name)?.push(run)
      process.stderr.write(`  ${round < 0 ? 'warm' : round + 1} ${name}: ${inWords(run)}\n`)
    }
  }
  return runs
}

async function measure(contestant: Contestant, emulator?: EmulatorProcess): Promise<Run> {
  await contestant.prepare?.()
  const cpuBefore = contestant.process.usage().cpu
  const busyBefore = emulator?.mainThreadCpu() ?? 0
  const startedAt = performance.now()
  const done = await contestant.run()
  const wall = (performance.now() - startedAt) / 1000
  const cpu = contestant.process.usage().cpu - cpuBefore
  const busy = (emulator?.mainThreadCpu() ?? 0) - busyBefore
  await contestant.cleanUp?.()
  const { bytes, seconds = wall, times = [] } = done
  return { bytes, seconds, cpu, emulatorBusy: busy / wall, times }
}

function inWords(run: Run): string {
  return `${speed(run).toFixed(1)} MB/s, ${cpuPerMb(run).toFixed(2)} ms of CPU per MB`
}

export const cpuPerMb = (run: Run): number => (run.cpu * 1000 * MiB) / run.bytes
export const speed = (run: Run): number => run.bytes / MiB / run.seconds
export const p99 = ({ times }: Run): number =>
  times.toSorted((a, b) => a - b)[Math.ceil(times.length * 0.99) - 1] ?? Number.NaN

/** The middle of an odd number of values, the mean of the two middle ones of an even number. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const high = sorted[Math.floor(middle)] ?? Number.NaN
  return sorted.length % 2 ? high : (high + (sorted[middle - 1] ?? Number.NaN)) / 2
}
