import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { z } from 'zod'
import { type Child, type ChildOptions, createChild } from './children.ts'
import { type DemoBackend, startDemoBackend } from './demo-backend.ts'
import { haproxyConfig } from './haproxy-config.ts'
import type { Programs } from './programs.ts'

export interface ClusterOptions {
  programs: Programs
  /** Everything is kept in it. */
  folder: string
  /** HAProxy's; the nodes have those behind it. */
  port: number
  nodes: number
  logLevel: string
  /** Nothing more is started once it aborts. */
  signal: AbortSignal
  /** Called as each part of it answers. */
  onStarted: (name: string) => void
  /** Called when a part has ended without having been told to. */
  onEnd: (name: string, reason: string) => void
}

export interface Cluster {
  readonly url: string
  readonly stats: string
  readonly database: string
  readonly nodes: readonly { readonly name: string; readonly url: string }[]
  /** All programs of it, in the order in which they were started. */
  readonly children: readonly Child[]
}

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const NAME = 'telestore'
const S3_KEY = { ROOT_ACCESS_KEY_ID: NAME, ROOT_SECRET_ACCESS_KEY: 'on loopback alone' }
/** The first start compiles what has changed since the last one. */
const FIRST_START_MS = 180_000
const NODE_START_MS = 60_000

const Telegram = z.object({
  mtproto: z.object({
    dcId: z.int(),
    host: z.string(),
    port: z.int(),
    publicKeyPem: z.string(),
  }),
  botApi: z.object({ root: z.string() }),
  control: z.object({ root: z.string() }),
})

/** Starts all of it, one after the other; what is started is in `ends` at every moment. */
export async function startCluster(
  options: ClusterOptions,
  ends: (() => unknown)[],
): Promise<Cluster> {
  const { programs, folder, port, logLevel, onStarted } = options
  const logs = join(folder, 'logs')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  mkdirSync(logs, { recursive: true })
  const children: Child[] = []
  const base = basicEnvironment()
  const nodes = Array.from({ length: options.nodes }, (_, index) => ({
    name: `node-${index + 1}`,
    port: port + index + 1,
    url: `http://127.0.0.1:${port + index + 1}`,
  }))
  for (const wanted of [port, ...nodes.map((node) => node.port)]) await assertFree(wanted)

  async function start(child: Omit<ChildOptions, 'logFile' | 'onEnd'>): Promise<void> {
    options.signal.throwIfAborted()
    const { name } = child
    const logFile = join(logs, `${name}.log`)
    const started = createChild({
      ...child,
      logFile,
      onEnd: (reason) => options.onEnd(name, reason),
    })
    children.push(started)
    ends.push(started.stop)
    await started.start()
    onStarted(name)
  }

  const databasePort = await freePort()
  const database = `postgresql://${NAME}@127.0.0.1:${databasePort}/`
  const { user, data } = prepareDatabase(programs, folder)
  await start({
    ...{ name: 'postgres', command: programs.postgres, env: base, user, endsOn: 'SIGINT' },
    args: [
      ...['-D', data, '-p', String(databasePort), '-c', 'listen_addresses=127.0.0.1'],
      ...['-c', 'unix_socket_directories=', '-c', 'max_connections=200'],
    ],
    answers: () => ask(`${database}postgres`, 'SELECT 1'),
  })
  await createDatabase(database)

  const s3Port = await freePort()
  const s3 = join(folder, 's3')
  for (const part of ['attributes', `buckets/${NAME}`]) {
    mkdirSync(join(s3, part), { recursive: true })
  }
  await start({
    ...{ name: 's3', command: programs.versitygw, env: { ...base, ...S3_KEY } },
    args: [
      ...['--port', `127.0.0.1:${s3Port}`, '--keep-alive', '--quiet'],
      ...['posix', '--sidecar', join(s3, 'attributes'), join(s3, 'buckets')],
    ],
    answers: () => fetch(`http://127.0.0.1:${s3Port}`),
  })

  const telegramLog = join(logs, 'telegram.log')
  // What an earlier run has written names other addresses.
  writeFileSync(telegramLog, '')
  await start({
    ...{ name: 'telegram', command: process.execPath, env: base },
    args: [
      ...['--conditions=telestore-source', join(ROOT, 'packages/telegram-emulator/src/main.ts')],
      ...['--data-dir', join(folder, 'telegram')],
    ],
    answers: async () => readTelegram(telegramLog),
  })
  const telegram = readTelegram(telegramLog)
  const backend: DemoBackend = await startDemoBackend(telegram.control.root)
  ends.push(backend.close)

  const shared = {
    ...base,
    HOST: '127.0.0.1',
    LOG_LEVEL: logLevel,
    TRUST_PROXY: 'loopback',
    BACKEND_URL: backend.url,
    LEDGER_KEY: keptKey(folder),
    TELEGRAM_SERVER: `${telegram.mtproto.dcId}@${telegram.mtproto.host}:${telegram.mtproto.port}`,
    TELEGRAM_SERVER_KEY: telegram.mtproto.publicKeyPem,
    TELEGRAM_BOT_API_ROOT: telegram.botApi.root,
    CLUSTER_DATABASE_URL: `${database}${NAME}`,
    CLUSTER_S3_ENDPOINT: `http://127.0.0.1:${s3Port}`,
    CLUSTER_S3_BUCKET: NAME,
    CLUSTER_S3_ACCESS_KEY_ID: S3_KEY.ROOT_ACCESS_KEY_ID,
    CLUSTER_S3_SECRET_ACCESS_KEY: S3_KEY.ROOT_SECRET_ACCESS_KEY,
  }
  for (const node of nodes) {
    await start({
      ...{ name: node.name, command: process.execPath, args: [join(ROOT, 'scripts/start.mjs')] },
      env: {
        ...shared,
        PORT: String(node.port),
        DATA_DIR: join(folder, node.name),
        CLUSTER_NODE_URL: node.url,
      },
      answers: () => answersOk(`${node.url}/readyz`),
      startMs: node === nodes[0] ? FIRST_START_MS : NODE_START_MS,
    })
  }

  const statsPort = await freePort()
  const config = join(folder, 'haproxy.cfg')
  writeFileSync(config, haproxyConfig({ port, statsPort, nodes }))
  await start({
    ...{ name: 'haproxy', command: programs.haproxy, args: ['-db', '-f', config], env: base },
    answers: () => answersOk(`http://127.0.0.1:${port}/health`),
  })
  return {
    url: `http://127.0.0.1:${port}`,
    stats: `http://127.0.0.1:${statsPort}`,
    database: `${database}${NAME}`,
    nodes,
    children,
  }
}

/** What programs need to run, and none of the variables that configure a worker. */
function basicEnvironment(): NodeJS.ProcessEnv {
  const names = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LC_ALL', 'TZ']
  return Object.fromEntries(names.flatMap((name) => [[name, process.env[name]]]))
}

/** Makes the files of a database once, as the user that PostgreSQL's package has made where this is root. */
function prepareDatabase(
  { initdb }: Programs,
  folder: string,
): { user: { uid: number; gid: number } | null; data: string } {
  const user = databaseUser()
  const home = join(folder, 'postgres')
  const data = join(home, 'data')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  if (user) {
    chownSync(home, user.uid, user.gid)
    // That user has to get through.
    chmodSync(folder, 0o711)
  }
  if (existsSync(join(data, 'PG_VERSION'))) return { user, data }
  const access = ['-U', NAME, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8']
  try {
    execFileSync(initdb, ['-D', data, ...access, '--no-instructions'], {
      stdio: 'pipe',
      cwd: home,
      env: basicEnvironment(),
      ...user,
    })
  } catch (error) {
    const said = String(Reflect.get(Object(error), 'stderr') ?? error).trim()
    throw new Error(`initdb cannot make a database in ${data}:\n  ${said.replaceAll('\n', '\n  ')}`)
  }
  return { user, data }
}

function databaseUser(): { uid: number; gid: number } | null {
  if (process.getuid?.() !== 0) return null
  const idOf = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function createDatabase(server: string): Promise<void> {
  const [found] = await ask(
    `${server}postgres`,
    `SELECT 1 FROM pg_database WHERE datname = '${NAME}'`,
  )
  if (found === undefined) await ask(`${server}postgres`, `CREATE DATABASE ${NAME}`)
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

/** The emulator's one line of JSON. Throws for as long as it is not there. */
function readTelegram(logFile: string): z.infer<typeof Telegram> {
  const line = readFileSync(logFile, 'utf8')
    .split('\n')
    .find((each) => each.startsWith('{') && each.endsWith('}'))
  return Telegram.parse(JSON.parse(line ?? ''))
}

/** The database belongs to the key that it was first opened with. */
function keptKey(folder: string): string {
  const path = join(folder, 'ledger-key')
  if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('hex'), { mode: 0o600 })
  return readFileSync(path, 'utf8')
}

async function answersOk(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) })
  await response.arrayBuffer()
  if (!response.ok) throw new Error(`status ${response.status}`)
}

async function assertFree(port: number): Promise<void> {
  if ((await portFor(port)) === null) {
    throw new Error(`Port ${port} is in use: name another one by --port`)
  }
}

async function freePort(): Promise<number> {
  const port = await portFor(0)
  if (port === null) throw new Error('there is no free port')
  return port
}

/** Listens for a moment; null where that port is in use. */
function portFor(wanted: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(null))
    server.listen(wanted, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : null
      server.close(() => resolve(port))
    })
  })
}
