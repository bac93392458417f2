import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sleep } from '../../../src/lib/waiting/sleep.ts'
import { freePort } from '../free-port.ts'
import {
  type AccountKind,
  type AddedUser,
  addUser,
  type BackendProcess,
  startBackendProcess,
  startTelegramProcess,
  type TelegramProcess,
} from '../peers/peer-processes.ts'
import { type Child, startChild } from '../source-process.ts'
import { type Checks, type LoadBalancer, startLoadBalancer } from './haproxy.ts'
import { type Cuts, createLink, joinLinks, type Link } from './link.ts'
import { type PostgresServer, startPostgres } from './postgres-server.ts'
import { type S3Server, startS3 } from './s3-server.ts'

/** Many nodes, and all that they need, each in a process of its own on loopback. */
export interface Cluster {
  /** HAProxy before all nodes, by turns, without stickiness. */
  readonly url: string
  readonly nodes: readonly ClusterNode[]
  readonly telegram: TelegramProcess
  readonly backend: BackendProcess
  readonly postgres: PostgresServer
  readonly s3: S3Server
  /** The address of the nodes' database, which no link leads through. */
  readonly databaseUrl: string
  /** The folder that has the objects of the bucket as files. */
  readonly bucket: string
  /** A new account at Telegram, and a login token of it. */
  addUser: (label: string, accountKind?: AccountKind) => Promise<AddedUser>
  /** Resolves once each node that runs is ready, and the load balancer knows it. */
  waitUntilReady: () => Promise<void>
  /** Ends everything, and removes its files. */
  close: () => Promise<void>
}

export interface ClusterNode {
  readonly index: number
  /** Its own address, past the load balancer. */
  readonly url: string
  readonly dataDir: string
  /** Counts up with every start. */
  readonly generation: number
  readonly running: boolean
  readonly pid: number
  /** All that it has written since its last start, the end of it. */
  output: () => string
  /** What it reaches; none of them is between the load balancer and the node. */
  readonly links: {
    readonly postgres: Link
    readonly s3: Link
    readonly telegram: Link
    readonly backend: Link
    /** From this node to another, by index. The other's own link to this one is not cut with it. */
    readonly peers: readonly Link[]
  }
  /** Between this node and all others, both ways. */
  readonly peers: Cuts
  /** Starts it where it does not run; `more`: in its environment, from now on. */
  start: (more?: Record<string, string>) => void
  /** Resolves once it is ready; rejects where it ends before. */
  ready: () => Promise<void>
  signal: (signal: 'SIGSTOP' | 'SIGCONT') => void
  /** `kill -9`. */
  kill: () => Promise<void>
  /** SIGTERM; resolves with its exit code. */
  stop: () => Promise<number | null>
  /** `stop`, and start it again. */
  restart: () => Promise<void>
}

/** Sees what the nodes are told to keep to themselves, and all that they write. */
export interface ClusterWitness {
  environment: (env: Record<string, string>) => void
  login: (token: string, answer: object) => void
  output: (text: string, node: number) => void
  /** A node listens there. */
  address: (url: string) => void
}

export interface NodeProgram {
  path: string
  flags: readonly string[]
  isBuilt: boolean
}

export interface ClusterOptions {
  nodes?: number
  /** In the environment of each node. */
  env?: Record<string, string>
  /** False: nothing can be cut, and connections are as fast as without the harness. */
  links?: boolean
  /** Servers of the caller's, which stay when the cluster ends; a database and a bucket are its own. */
  servers?: { postgres: PostgresServer; s3: S3Server }
  /** What each node runs, from the root of the repository, and Node's flags; the sources by default. */
  program?: NodeProgram
  /** How HAProxy looks after the nodes; `alive` by default. */
  checks?: Checks
  witness?: ClusterWitness
}

const READY_MS = 60_000
const POLL_MS = 25
const BY_LINKS = fileURLToPath(new URL('by-links.ts', import.meta.url))
const SERVER = { path: 'src/server.ts', flags: [], isBuilt: false }

let databases = 0

/** Starts them, and resolves when all are ready. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { nodes: count = 3, env = {}, links = true, servers, witness } = options
  const folder = await mkdtemp(join(tmpdir(), 'telestore-nodes-'))
  const ends: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (let end = ends.pop(); end; end = ends.pop()) await end()
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  const ended = async <T>(starting: Promise<T>, end: (started: T) => unknown): Promise<T> => {
    const started = await starting
    ends.push(() => end(started))
    return started
  }
  const stopUnlessShared = (server: { stop: () => Promise<void> }) =>
    servers ? null : server.stop()

  try {
    const starting = [
      ended(servers ? Promise.resolve(servers.postgres) : startPostgres(), stopUnlessShared),
      ended(servers ? Promise.resolve(servers.s3) : startS3(), stopUnlessShared),
      ended(startTelegramProcess(join(folder, 'telegram')), ({ kill }) => kill()),
      ended(startBackendProcess(), ({ kill }) => kill()),
    ] as const
    // Where one fails, the others are ended too.
    await Promise.allSettled(starting)
    const [postgres, s3, telegram, backend] = await Promise.all(starting)
    const name = `nodes-${process.pid}-${++databases}`
    await postgres.createDatabase(name)
    const bucket = await s3.createBucket(name)
    const common = {
      HOST: '127.0.0.1',
      BACKEND_URL: backend.url,
      WEBHOOK_SECRET: 'shared with the backend',
      ...telegram.env,
      LEDGER_KEY: 'the key of all nodes of the cluster',
      CLUSTER_DATABASE_URL: postgres.urlOf(name),
      CLUSTER_S3_ENDPOINT: s3.endpoint,
      CLUSTER_S3_BUCKET: name,
      CLUSTER_S3_REGION: s3.region,
      CLUSTER_S3_ACCESS_KEY_ID: s3.accessKeyId,
      CLUSTER_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
      ...env,
    }
    const ports = await Promise.all(Array.from({ length: count }, freePort))
    const targets = {
      postgres: [postgres.port],
      s3: [Number(new URL(s3.endpoint).port)],
      telegram: telegram.ports,
      backend: [Number(new URL(backend.url).port)],
    }
    const onEnd = (stop: () => void): void => void ends.push(stop)
    const linkSets = ports.map(() => createLinks(count, onEnd))
    const nodes = await Promise.all(
      linkSets.map(async (set, index) => {
        const port = ports[index] ?? 0
        const linked = links ? await openLinks(set, { ...targets, peers: ports }) : null
        const node = makeNode({
          ...{ index, port, links: set, witness },
          peers: joinLinks([
            ...set.peers,
            ...linkSets.flatMap(({ peers }, other) =>
              other === index ? [] : (peers[index] ?? []),
            ),
          ]),
          program: options.program ?? SERVER,
          env: {
            ...common,
            PORT: String(port),
            DATA_DIR: join(folder, `node-${index}`),
            CLUSTER_NODE_URL: `http://127.0.0.1:${port}`,
            ...(linked && { LINKS: JSON.stringify(linked) }),
          },
          flags: links ? ['--import', BY_LINKS] : [],
        })
        ends.push(node.kill)
        return node
      }),
    )
    for (const node of nodes) node.start()
    await Promise.all(nodes.map((node) => node.ready()))
    const balancer = await ended(startLoadBalancer(ports, options.checks ?? 'alive'), ({ stop }) =>
      stop(),
    )
    return {
      url: balancer.url,
      nodes,
      telegram,
      backend,
      postgres,
      s3,
      databaseUrl: postgres.urlOf(name),
      bucket,
      addUser: async (label, accountKind = 'user') => {
        const user = await addUser(telegram, backend, { label, accountKind })
        witness?.login(user.token, user.login)
        return user
      },
      waitUntilReady: () => untilReady(nodes, balancer),
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

function createLinks(count: number, onEnd: (stop: () => void) => void): ClusterNode['links'] {
  const make = (): Link => createLink(onEnd)
  return {
    postgres: make(),
    s3: make(),
    telegram: make(),
    backend: make(),
    peers: Array.from({ length: count }, make),
  }
}

/** What leads where, for `by-links.ts`. */
async function openLinks(
  { peers, ...links }: ClusterNode['links'],
  targets: Record<keyof ClusterNode['links'], readonly number[]>,
): Promise<Record<number, number>> {
  const pairs = Object.entries(links).flatMap(([name, link]) =>
    targets[name as keyof typeof links].map((target) => ({ link, target })),
  )
  pairs.push(...targets.peers.flatMap((target, index) => ({ link: peers[index] as Link, target })))
  const opened = pairs.map(async ({ link, target }) => [target, await link.portTo(target)])
  return Object.fromEntries(await Promise.all(opened))
}

interface NodeOptions extends Pick<ClusterNode, 'index' | 'links' | 'peers'> {
  port: number
  env: Record<string, string>
  program: NodeProgram
  flags: readonly string[]
  witness: ClusterWitness | undefined
}

function makeNode(options: NodeOptions): ClusterNode {
  const { index, port, links, peers, env, program, flags, witness } = options
  const url = `http://127.0.0.1:${port}`
  let child: Child | null = null
  let generation = 0
  witness?.environment(env)
  witness?.address(url)

  async function ready(): Promise<void> {
    for (const deadline = performance.now() + READY_MS; ; await sleep(POLL_MS)) {
      if (await answers(`${url}/readyz`)) return
      if (!child?.running()) throw new Error(`node ${index} does not run: ${child?.output()}`)
      if (performance.now() > deadline)
        throw new Error(`node ${index} does not get ready: ${child.output()}`)
    }
  }
  const start = (more: Record<string, string> = {}): void => {
    if (child?.running()) return
    generation++
    Object.assign(env, more)
    child = startChild(program.path, {
      env,
      flags: [...flags, ...program.flags],
      isBuilt: program.isBuilt,
      onOutput: witness && ((text) => witness.output(text, index)),
    })
  }
  const stop = async (): Promise<number | null> => (await child?.end('SIGTERM')) ?? null

  return {
    index,
    url,
    dataDir: env.DATA_DIR ?? '',
    get generation() {
      return generation
    },
    get running() {
      return child?.running() ?? false
    },
    get pid() {
      return child?.pid ?? 0
    },
    output: () => child?.output() ?? '',
    links,
    peers,
    start,
    ready,
    signal: (signal) => child?.signal(signal),
    kill: async () => child?.kill(),
    stop,
    restart: async () => {
      await stop()
      start()
    },
  }
}

async function untilReady(nodes: readonly ClusterNode[], balancer: LoadBalancer): Promise<void> {
  const running = nodes.filter((node) => node.running)
  await Promise.all(running.map((node) => node.ready()))
  const ports = running.map(({ url }) => Number(new URL(url).port))
  for (const deadline = performance.now() + READY_MS; ; await sleep(POLL_MS)) {
    const healthy = await balancer.healthy()
    if (ports.every((port) => healthy.includes(port))) return
    if (performance.now() > deadline) throw new Error(`HAProxy has ${healthy} of ${ports}`)
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.ok
  } catch {
    return false
  }
}
