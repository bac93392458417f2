import { readdirSync, readFileSync } from 'node:fs'

/** Linux counts CPU time in these; USER_HZ is 100 wherever Node runs. */
const TICKS_PER_SECOND = 100

export interface Usage {
  /** User and system time, seconds. */
  cpu: number
  /** Resident set, bytes. */
  rss: number
}

/** CPU and memory of a process and of all that it has started, from /proc. */
export function usageOf(pid: number): Usage {
  const rssKb = Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0)
  let cpu = ticksOf(`/proc/${pid}/stat`, { withEnded: true }) / TICKS_PER_SECOND
  let rss = rssKb * 1024
  for (const child of childrenOf(pid)) {
    const usage = usageOf(child)
    cpu += usage.cpu
    rss += usage.rss
  }
  return { cpu, rss }
}

/** CPU of a process's main thread alone, seconds: a program that lives in one thread ends at 1 a second. */
export function mainThreadCpu(pid: number): number {
  return ticksOf(`/proc/${pid}/task/${pid}/stat`, { withEnded: false }) / TICKS_PER_SECOND
}

function childrenOf(pid: number): number[] {
  return threadsOf(pid).flatMap((thread) =>
    read(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  )
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

/** `withEnded`: with the children that have ended. */
function ticksOf(path: string, { withEnded }: { withEnded: boolean }): number {
  const fields = read(path)
    .replace(/^.*\) /s, '')
    .split(' ')
  // utime, stime, cutime, cstime.
  return fields.slice(11, withEnded ? 15 : 13).reduce((sum, field) => sum + Number(field), 0)
}

/** A process or thread that has just ended reads as nothing. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}
