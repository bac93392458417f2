import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Child } from './children.ts'
import { type Cluster, startCluster } from './cluster.ts'
import { findPrograms } from './programs.ts'

// `npm run cluster`: PostgreSQL, an S3 server, HAProxy, the Telegram emulator and some nodes on this
// machine, for a developer to play with. Everything listens on loopback alone.

const USAGE = `Usage: npm run cluster -- [options]

Starts a cluster of nodes on this machine, on loopback: PostgreSQL, an S3 server and HAProxy from
installed programs, and the emulator as Telegram. Ctrl-C stops all of it.

  --port <number>      HAProxy's port; 10000 by default. The nodes have those behind it
  --nodes <number>     1 to 9; 3 by default
  --data-dir <folder>  keep everything in this folder, and go on from there; without it, in a
                       temporary folder that is removed at the end
  --help
`

const COMMANDS: Readonly<Record<string, (child: Child) => unknown>> = {
  kill: (child) => child.signal('SIGKILL'),
  freeze: (child) => child.signal('SIGSTOP'),
  thaw: (child) => child.signal('SIGCONT'),
  stop: (child) => child.stop(),
  start: (child) => child.start(),
}

function readArguments(): { port: number; nodes: number; dataDir: string | undefined } {
  const options = {
    port: { type: 'string', default: '10000' },
    nodes: { type: 'string', default: '3' },
    'data-dir': { type: 'string' },
    help: { type: 'boolean' },
  } as const
  try {
    const { values } = parseArgs({ options })
    if (values.help) {
      process.stdout.write(USAGE)
      process.exit(0)
    }
    const [port, nodes] = [Number(values.port), Number(values.nodes)]
    if (!Number.isInteger(port) || port < 1 || port > 65_000) throw new Error('--port: up to 65000')
    if (!Number.isInteger(nodes) || nodes < 1 || nodes > 9) throw new Error('--nodes: 1 to 9')
    return { port, nodes, dataDir: values['data-dir'] }
  } catch (error) {
    process.stderr.write(`${sentenceOf(error)}\n\n${USAGE}`)
    process.exit(2)
  }
}

function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function describe({ url, stats, database, nodes, children }: Cluster, folder: string): string {
  const processes = children.map(({ name, pid }) => `${name} ${pid}`).join(', ')
  const [first] = nodes
  return `
The cluster runs at ${url}
  nodes      ${nodes.map((node) => node.url).join('  ')}
  HAProxy    ${stats}
  PostgreSQL ${database}
  data, logs ${folder}
  processes  ${processes}

Open ${url} and sign in with the token demo. Every token that begins with demo is a user with
an account of its own, whose files one node at a time sends to Telegram. While a large file goes, type

  kill node-2        it is gone: another node goes on with its files within 20 seconds
  freeze node-2      it stands still, and "thaw node-2" finds others doing its work
  stop node-2        as a deploy does: others go on within 2 seconds
  start node-2       nothing is started again by itself
  kill postgres      also s3, haproxy, telegram

Who holds which account: curl -s -H 'accept: text/plain' ${first?.url}/metrics | grep lease
Ctrl-C stops everything.
`
}

function listen(cluster: Cluster): void {
  createInterface({ input: process.stdin }).on('line', (line) => {
    const [verb = '', name = ''] = line.trim().split(/\s+/)
    if (verb === '') return
    const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined
    const child = cluster.children.find((each) => each.name === name)
    if (command === undefined || child === undefined) {
      const names = cluster.children.map((each) => each.name).join(', ')
      return say(`Type one of ${Object.keys(COMMANDS).join(', ')} and one of ${names}`)
    }
    Promise.resolve(command(child)).then(
      () => say(`${verb} ${name}: done`),
      (error: unknown) => say(sentenceOf(error)),
    )
  })
}

const given = readArguments()
const programs = findPrograms(process.env.PATH ?? '')
if ('missing' in programs) {
  process.stderr.write(`These programs are missing:\n${programs.missing}\n`)
  process.exit(1)
}

const folder = given.dataDir
  ? resolve(given.dataDir)
  : mkdtempSync(join(tmpdir(), 'telestore-cluster-'))
const ends: (() => unknown)[] = []
const stopped = new AbortController()

async function stop(code: number): Promise<void> {
  if (stopped.signal.aborted) return
  stopped.abort()
  clearInterval(watch)
  // What was started last ends first, so that nodes end before what they need.
  for (let end = ends.pop(); end; end = ends.pop()) await end()
  if (given.dataDir === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  process.exit(code)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    if (!stopped.signal.aborted) say('Stopping')
    void stop(0)
  })
}
// npm ends on SIGTERM without passing it on; the programs must not stay behind.
const parent = process.ppid
const watch = setInterval(() => {
  if (process.env.npm_lifecycle_event !== undefined && process.ppid !== parent) void stop(0)
}, 500)

try {
  say('Starting; the first time may take a minute, because the nodes are built')
  const cluster = await startCluster(
    {
      programs,
      folder,
      port: given.port,
      nodes: given.nodes,
      signal: stopped.signal,
      logLevel: process.env.LOG_LEVEL ?? 'info',
      onStarted: (name) => say(`  ${name} answers`),
      onEnd: (name, reason) => {
        if (!stopped.signal.aborted)
          say(`${name} has ended ${reason}; "start ${name}" starts it again`)
      },
    },
    ends,
  )
  say(describe(cluster, folder))
  listen(cluster)
} catch (error) {
  if (!stopped.signal.aborted) {
    process.stderr.write(`${sentenceOf(error)}\n`)
    await stop(1)
  }
}
