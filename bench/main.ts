/**
 * `npm run bench [-- [--rounds <n>] <part>...]`: measures the worker beside its peers, part by part,
 * and adds what it finds to `bench/results/<date>-<commit>.json`. `npm run docs` makes the tables of
 * BENCHMARKS.md of the newest results.
 */
import { parseArgs } from 'node:util'
import { type Figure, savePart } from './harness/results.ts'
import { type Scope, withScope } from './harness/scope.ts'
import { partTable } from './harness/tables.ts'
import { MORE_PART_NAMES, PART_NAMES, type PartName } from './part-names.ts'
import * as chunks from './parts/chunks.ts'
import * as cluster from './parts/cluster.ts'
import * as download from './parts/download.ts'
import * as emulator from './parts/emulator.ts'
import * as far from './parts/far.ts'
import * as faults from './parts/faults.ts'
import * as library from './parts/library.ts'
import * as load from './parts/load.ts'
import * as memory from './parts/memory.ts'
import * as start from './parts/start.ts'
import * as upload from './parts/upload.ts'
import * as volumes from './parts/volumes.ts'
import * as waits from './parts/waits.ts'

interface Part {
  title: string
  run: (scope: Scope) => Promise<Figure[]>
}

const PARTS: Record<PartName, Part> = {
  download,
  upload,
  chunks,
  far,
  start,
  memory,
  waits,
  library,
  volumes,
  emulator,
  faults,
  load,
  cluster,
}

const { values, positionals } = parseArgs({
  options: { rounds: { type: 'string', default: '3' } },
  allowPositionals: true,
})
const rounds = Number(values.rounds)
const isPart = (name: string): name is PartName => Object.hasOwn(PARTS, name)
const names = positionals.length > 0 ? positionals : PART_NAMES
if (!names.every(isPart) || !(rounds >= 1)) {
  console.error('usage: npm run bench [-- [--rounds <n>] <part>...]')
  console.error(`parts: ${PART_NAMES.join(', ')}; only when named: ${MORE_PART_NAMES.join(', ')}`)
  process.exit(2)
}

for (const name of names) {
  const part = PARTS[name]
  console.error(`\n${name}`)
  const startedAt = performance.now()
  const { value: figures, missing } = await withScope(rounds, part.run)
  const result = {
    title: part.title,
    seconds: (performance.now() - startedAt) / 1000,
    rounds,
    missing: Object.fromEntries(missing),
    figures,
  }
  console.log(`\n${part.title}\n\n${partTable(result)}`)
  for (const [peer, reason] of missing) console.log(`Not measured: ${peer}. ${reason}`)
  console.log(`\nKept in ${(await savePart(name, result)).pathname}`)
}
