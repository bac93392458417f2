import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'

/** A memory limit of the kernel's for one process and its children. */
export interface MemoryGroup {
  /** A shell command that puts the shell itself under the limit. */
  readonly join: string
  /** How often the limit was reached, and processes were killed for it. */
  readonly killed: () => number
  remove: () => void
}

/** Makes one; null where the kernel does not let us. */
export function createMemoryGroup(name: string, limitBytes: number): MemoryGroup | null {
  return versionOne(name, limitBytes) ?? versionTwo(name, limitBytes)
}

function versionOne(name: string, limitBytes: number): MemoryGroup | null {
  const folder = `/sys/fs/cgroup/memory/${name}`
  return create(folder, { 'memory.limit_in_bytes': limitBytes }, () =>
    Number(/oom_kill (\d+)/.exec(readFileSync(`${folder}/memory.oom_control`, 'utf8'))?.[1] ?? 0),
  )
}

function versionTwo(name: string, limitBytes: number): MemoryGroup | null {
  const folder = `/sys/fs/cgroup/${name}`
  return create(folder, { 'memory.max': limitBytes, 'memory.swap.max': 0 }, () =>
    Number(/oom_kill (\d+)/.exec(readFileSync(`${folder}/memory.events`, 'utf8'))?.[1] ?? 0),
  )
}

function create(
  folder: string,
  settings: Record<string, number>,
  killed: () => number,
): MemoryGroup | null {
  try {
    mkdirSync(folder, { recursive: true })
    // On anything but the kernel's own file system the folder stays empty.
    if (Object.keys(settings).some((name) => !existsSync(`${folder}/${name}`))) {
      rmdirSync(folder)
      return null
    }
    for (const [name, value] of Object.entries(settings)) {
      writeFileSync(`${folder}/${name}`, String(value))
    }
    return { join: `echo $$ > ${folder}/cgroup.procs`, killed, remove: () => rmdirSync(folder) }
  } catch {
    return null
  }
}
