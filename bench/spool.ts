/**
 * What the spool costs beside plain file streams: MB/s and CPU seconds per GB, median of rounds.
 * `npx node bench/spool.ts [MB] [rounds] [folder]`
 */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { KiB, MiB } from '../src/lib/units.ts'
import { createSpool } from '../src/storage/spool/spool.ts'

const totalBytes = Number(process.argv[2] ?? 512) * MiB
const rounds = Number(process.argv[3] ?? 5)
const parent = process.argv[4] ?? tmpdir()
const CHUNK = 5 * MiB
const PART = 512 * KiB
const piece = Buffer.alloc(64 * KiB, 7)
const chunkCount = Math.floor(totalBytes / CHUNK)
const signal = new AbortController().signal
const silent = { debug() {}, info() {}, warn() {}, error() {} }

interface Cost {
  seconds: number
  cpu: number
}

async function measure(work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { seconds, cpu: (user + system) / 1e6 }
}

/** As the socket gives them: buffers of 64 KB. */
async function* chunk(): AsyncGenerator<Buffer> {
  for (let at = 0; at < CHUNK; at += piece.length) yield piece
}

const directory = await mkdtemp(join(parent, 'bench-spool-'))
const spool = await createSpool({ directory, fsync: false, log: silent })
await mkdir(join(directory, 'plain'))
const plainPath = (index: number): string => join(directory, 'plain', `${index}`)

async function inParallel(width: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    for (let index = next++; index < chunkCount; index = next++) await work(index)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

async function spoolReceive(index: number): Promise<void> {
  const received = await spool.receive(chunk(), { maxBytes: CHUNK, signal })
  await received.claim('bench', index)
}

async function plainWrite(index: number): Promise<void> {
  await pipeline(Readable.from(chunk(), { objectMode: false }), createWriteStream(plainPath(index)))
}

async function plainWriteHashed(index: number): Promise<void> {
  const hash = createHash('sha256')
  const hashed = async function* (source: AsyncIterable<Buffer>) {
    for await (const bytes of source) {
      hash.update(bytes)
      yield bytes
    }
  }
  const source = Readable.from(chunk(), { objectMode: false })
  await pipeline(source, hashed, createWriteStream(plainPath(index)))
  hash.digest('hex')
}

async function spoolRead(): Promise<void> {
  const layout = { size: chunkCount * CHUNK, chunkSize: CHUNK }
  const target = Buffer.alloc(PART)
  // Parts off the chunks' grid by 100 KB, so that every tenth crosses a border.
  for (let at = 100 * KiB; at + PART <= layout.size; at += PART) {
    await spool.read('bench', layout, at, target)
  }
}

async function plainRead(): Promise<void> {
  for (let index = 0; index < chunkCount; index++) {
    for await (const _ of createReadStream(plainPath(index))) {
      // Only the reading is measured.
    }
  }
}

async function hashOnly(): Promise<void> {
  const hash = createHash('sha256')
  for (let at = 0; at < chunkCount * CHUNK; at += piece.length) hash.update(piece)
  hash.digest('hex')
}

const cases: Record<string, () => Promise<void>> = {
  'SHA-256 alone': hashOnly,
  'createWriteStream, 1 at a time': () => inParallel(1, plainWrite),
  'createWriteStream + SHA-256, 1': () => inParallel(1, plainWriteHashed),
  'spool.receive + claim, 1': () => inParallel(1, spoolReceive),
  'createWriteStream, 8 at a time': () => inParallel(8, plainWrite),
  'createWriteStream + SHA-256, 8': () => inParallel(8, plainWriteHashed),
  'spool.receive + claim, 8': () => inParallel(8, spoolReceive),
  'spool.receive + claim, 100': () => inParallel(100, spoolReceive),
  'createReadStream, chunk by chunk': plainRead,
  'spool.read in 512 KB parts': spoolRead,
}

const median = (values: number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

try {
  const results = new Map(Object.keys(cases).map((name) => [name, [] as Cost[]]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, work] of Object.entries(cases)) results.get(name)?.push(await measure(work))
  }
  const gigabytes = (chunkCount * CHUNK) / (1024 * MiB)
  console.log(`${chunkCount} chunks of 5 MB, ${rounds} rounds, node ${process.version}`)
  for (const [name, costs] of results) {
    const speed = (gigabytes * 1024) / median(costs.map(({ seconds }) => seconds))
    const cpu = median(costs.map((cost) => cost.cpu)) / gigabytes
    console.log(
      `${name.padEnd(34)} ${speed.toFixed(0).padStart(6)} MB/s ${cpu.toFixed(2)} CPU s/GB`,
    )
  }
} finally {
  await spool.close()
  await rm(directory, { recursive: true, force: true })
}
