import { appendFileSync, existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, inject } from 'vitest'
import type { ApiDocument } from './document.ts'
import type { RecordedAnswer } from './judge.ts'

export const DOCUMENT_FILE = 'openapi.json'
export const ANSWERS_ENDING = '.answers'

/** What was written already: polls say the same again and again. */
const known = new Set<string>()

/** Keeps the document that a worker serves; that of any worker is that of all. */
export async function recordDocument(document: () => Promise<ApiDocument>): Promise<void> {
  const file = join(inject('answersDir'), DOCUMENT_FILE)
  if (existsSync(file)) return
  writeFileSync(`${file}.${process.pid}`, JSON.stringify(await document()))
  renameSync(`${file}.${process.pid}`, file)
}

/** Keeps an answer for the judgement at the end of the run. */
export function recordAnswer(answer: Omit<RecordedAnswer, 'test'>): void {
  const { method, path, status, body, headers } = answer
  const key = JSON.stringify([method, path, status, headers['content-type'], body])
  if (known.has(key)) return
  known.add(key)
  const { testPath = '', currentTestName = '' } = expect.getState()
  const test = `${testPath.split('/test/').at(-1)}: ${currentTestName}`
  const line = `${JSON.stringify({ test, ...answer })}\n`
  appendFileSync(join(inject('answersDir'), `${process.pid}${ANSWERS_ENDING}`), line)
}
