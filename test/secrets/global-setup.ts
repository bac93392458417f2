import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { describeFinding, searchFolder } from './search.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where all output of all workers of this run is kept, with what must not stand in it. */
    traceDir: string
  }
}

const MAX_SHOWN = 20

/**
 * Runs around the whole suite: gathers what every worker writes, to logs and to callers, and
 * fails the run when a secret that the tests handed out stands in it.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'trace-'))
  project.provide('traceDir', folder)
  return async () => {
    const findings = await searchFolder(folder)
    if (findings.length === 0) {
      await rm(folder, { recursive: true, force: true })
      return
    }
    const lines = findings.slice(0, MAX_SHOWN).map(describeFinding)
    throw new Error(`${findings.length} secrets in the output of workers:\n${lines.join('\n')}`)
  }
}
