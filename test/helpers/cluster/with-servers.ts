import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { startPostgres } from './postgres-server.ts'
import { missingPrograms } from './programs.ts'
import { startS3 } from './s3-server.ts'

// `node --conditions=telestore-source test/helpers/cluster/with-servers.ts COMMAND…` runs a command,
// such as `npx vitest run test/http`, whose workers then share a PostgreSQL and an S3 server.

const missing = missingPrograms('postgres', 'versitygw')
const [command, ...args] = process.argv.slice(2)
if (missing !== '' || command === undefined) {
  process.stderr.write(missing === '' ? 'usage: with-servers.ts COMMAND…\n' : `${missing.trim()}\n`)
  process.exit(2)
}

const [postgres, s3] = await Promise.all([startPostgres(), startS3()])
const { endpoint, region, accessKeyId, secretAccessKey, folder } = s3
const servers = {
  database: postgres.urlOf(''),
  s3: { endpoint, region, accessKeyId, secretAccessKey, folder },
}
const env = { ...process.env, CLUSTER_SERVERS: JSON.stringify(servers) }
const child = spawn(command, args, { stdio: 'inherit', env })
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
const [code] = await once(child, 'close')
await Promise.all([postgres.stop(), s3.stop()])
process.exitCode = typeof code === 'number' ? code : 1
