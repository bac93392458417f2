import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestProject } from 'vitest/node'
import { createJudge, type RecordedAnswer } from './judge.ts'
import { ANSWERS_ENDING, DOCUMENT_FILE } from './recorder.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where all answers of all workers of this run are kept, with the document they must fit. */
    answersDir: string
  }
}

const MAX_SHOWN = 40

/** Runs around the whole suite: fails the run when a worker has answered what is not documented. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'answers-'))
  project.provide('answersDir', folder)
  return async () => {
    const faults = await judgeFolder(folder)
    await rm(folder, { recursive: true, force: true })
    if (faults.length === 0) return
    const lines = faults.slice(0, MAX_SHOWN).join('\n')
    throw new Error(`${faults.length} answers are not as /docs/json has them:\n${lines}`)
  }
}

async function judgeFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder)
  if (!names.includes(DOCUMENT_FILE)) return []
  const judge = createJudge(JSON.parse(await readFile(join(folder, DOCUMENT_FILE), 'utf8')))
  const faults = new Map<string, string>()
  for (const name of names.filter((each) => each.endsWith(ANSWERS_ENDING))) {
    for await (const line of createInterface({ input: createReadStream(join(folder, name)) })) {
      const answer: RecordedAnswer = JSON.parse(line)
      const problem = judge(answer)
      if (problem === null) continue
      const { method, path, status, test } = answer
      const route = `${method} ${path.replace(/\?.*/s, '').slice(0, 60)}`
      const fault = `${route} ${status}: ${problem} (${test})`
      // The same fault of many tests is one.
      faults.set(`${route.replace(/\/[^/]*$/, '')} ${status} ${problem.slice(0, 60)}`, fault)
    }
  }
  return [...faults.values()]
}
