import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { openPostgresLedger } from '../../../../src/storage/postgres/ledger.ts'
import { createRecordingLog } from '../../recording-log.ts'
import { startPostgres, withClient } from '../postgres-server.ts'
import { missingPrograms } from '../programs.ts'
import { startS3 } from '../s3-server.ts'
import { BY_HTTP, NOT_BY_NODES } from './suites.ts'

/**
 * `node --conditions=telestore-source test/helpers/cluster/suites/with-servers.ts [--nodes 3] COMMAND…` runs a
 * command, such as `npx vitest run test/http`, whose workers share a PostgreSQL and an S3 server. With
 * more nodes each worker that `startWorker` starts is so many of them behind HAProxy. `--by-http` adds
 * the suites that know a worker by HTTP alone to the command, without the tests that many nodes cannot pass.
 */

const USAGE = 'usage: with-servers.ts [--nodes <n>] [--by-http] COMMAND…'
const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { nodes: { type: 'string', default: '1' }, 'by-http': { type: 'boolean' } },
  allowPositionals: true,
  strict: false,
})
const at = process.argv.indexOf(positionals[0] ?? '', 2)
const missing = missingPrograms('postgres', 'versitygw', 'haproxy')
const [command, ...args] = at < 0 ? [] : process.argv.slice(at)
if (missing !== '' || command === undefined) {
  process.stderr.write(missing === '' ? `${USAGE}\n` : `${missing.trim()}\n`)
  process.exit(2)
}
if (values['by-http']) {
  const names = Object.keys(NOT_BY_NODES).map((name) => name.replace(/\W/g, '.'))
  args.push(...BY_HTTP, '--testNamePattern', `^(?!.*(${names.join('|')})$)`)
}

const [postgres, s3] = await Promise.all([startPostgres(), startS3()])
// Databases of tests are copies of this one: its tables are made once.
await postgres.createDatabase('template')
const template = { url: postgres.urlOf('template'), key: randomBytes(32) }
await (await openPostgresLedger({ ...template, log: createRecordingLog() })).close()
// The key that they are bound to is not.
await withClient(template.url, (client) => client.query('TRUNCATE secrets'))
const { endpoint, region, accessKeyId, secretAccessKey, folder } = s3
const servers = {
  database: postgres.urlOf(''),
  template: 'template',
  s3: { endpoint, region, accessKeyId, secretAccessKey, folder },
}
const env = {
  ...process.env,
  CLUSTER_SERVERS: JSON.stringify(servers),
  CLUSTER_NODES: String(values.nodes),
}
const child = spawn(command, args, { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const [code] = await once(child, 'close')
await Promise.all([postgres.stop(), s3.stop()])
process.exitCode = typeof code === 'number' ? code : 1
