import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hostileRequest } from './arbitraries.ts'
import { CORPUS } from './corpus.ts'
import { type Harness, startHarness } from './harness.ts'
import type { HostileRequest } from './requests.ts'

const AT_ONCE = 16
const SEED = Number(process.env.FUZZ_SEED ?? 20_261_122)
const RUNS = Number(process.env.FUZZ_RUNS ?? 1_000)
const LIMIT_MS = 300_000 + RUNS * 20

test.each(Object.entries(CORPUS))('the worker withstands the corpus: %s', async (_name, corpus) => {
  const harness = await startHarness()

  const problems = await attackAll(harness, corpus)

  expect(problems).toEqual([])
  await harness.expectUnharmed()
})

test(`the worker comes through ${RUNS} requests made with seed ${SEED}`, {
  timeout: LIMIT_MS,
}, async () => {
  const harness = await startHarness()
  const batch = fc.array(hostileRequest, { minLength: 1, maxLength: AT_ONCE, size: 'max' })
  let sent = 0

  const harmless = fc.asyncProperty(batch, async (requests) => {
    sent += requests.length
    const problems = await attackAll(harness, requests)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  })
  const numRuns = Math.ceil(RUNS / (AT_ONCE / 2))
  const { failed, seed, errorInstance } = await fc.check(harmless, { seed: SEED, numRuns })

  // The smallest requests that do it: their bytes are their names.
  expect(failed ? `with seed ${seed}: ${errorInstance}` : 'harmless').toBe('harmless')
  await harness.expectUnharmed()
  expect(sent).toBeGreaterThanOrEqual(RUNS * 0.9)
})

/** Many at once, as attacks come. */
async function attackAll(harness: Harness, requests: readonly HostileRequest[]): Promise<string[]> {
  const problems: string[] = []
  const queue = [...requests]
  async function next(): Promise<void> {
    for (let request = queue.shift(); request; request = queue.shift()) {
      problems.push(...(await harness.attack(request)))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, next))
  return problems
}
