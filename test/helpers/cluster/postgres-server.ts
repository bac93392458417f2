import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { chown } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { freePort } from '../free-port.ts'
import { findProgram } from './programs.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface PostgresServer {
  /** The address of a database in it, which `createDatabase` has made. */
  urlOf: (database: string) => string
  createDatabase: (name: string) => Promise<void>
  readonly port: number
  signal: ServerProcess['signal']
  /** Ends it as a failing machine does, and starts it again on the same files and port. */
  restart: (signal?: NodeJS.Signals) => Promise<void>
  stop: () => Promise<void>
}

export interface PostgresServerOptions {
  /** Parameters beside those that every test's server has. */
  settings?: Readonly<Record<string, string>>
  /** What stands behind the addresses of its databases. */
  query?: string
}

/** Its own parameters, as `-c` takes them. */
const SETTINGS = {
  fsync: 'off',
  full_page_writes: 'off',
  shared_buffers: '16MB',
  max_connections: '500',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  logging_collector: 'off',
}

/**
 * Starts a PostgreSQL with files of its own in a temporary folder, on loopback. It never waits for the
 * disk: what it has said survives its own death, not a loss of power.
 */
export async function startPostgres({
  settings = {},
  query = '',
}: PostgresServerOptions = {}): Promise<PostgresServer> {
  const [initdb, postgres] = [findProgram('initdb'), findProgram('postgres')]
  if (initdb === null || postgres === null) throw new Error('PostgreSQL is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'telestore-postgres-'))
  const data = join(folder, 'data')
  const user = serverUser()
  if (user) await chown(folder, user.uid, user.gid)
  const options = ['-D', data, '-U', 'telestore', '-A', 'trust', '-E', 'UTF8', '--no-sync']
  execFileSync(initdb, [...options, '--locale=C.UTF-8', '--no-instructions'], {
    stdio: 'pipe',
    cwd: folder,
    ...user,
  })
  const port = await freePort()
  const urlOf = (database: string): string =>
    `postgresql://telestore@127.0.0.1:${port}/${encodeURIComponent(database)}${query}`
  const args = Object.entries({ ...SETTINGS, ...settings }).map(
    ([name, value]) => `--${name}=${value}`,
  )

  const start = (): Promise<ServerProcess> =>
    startServer({
      command: postgres,
      args: ['-D', data, '-p', String(port), ...args],
      user,
      answers: () => withClient(urlOf('postgres'), (client) => client.query('SELECT 1')),
    })

  let server = await start()
  return {
    port,
    urlOf,
    createDatabase: (name) =>
      withClient(urlOf('postgres'), async (client) => {
        await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`)
      }),
    signal: (signal) => server.signal(signal),
    restart: async (signal = 'SIGQUIT') => {
      await server.stop(signal)
      server = await start()
    },
    stop: async () => {
      // At once, without a word to its clients.
      await server.stop('SIGQUIT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Runs `work` on a connection of its own. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

/** PostgreSQL refuses to run as root: then as the user that its package has made. */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (flag: string): number =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}
