import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { findProgram } from './programs.ts'
import { type ServerProcess, startServer } from './server-process.ts'

export interface S3Server {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Each folder in it is a bucket. */
  readonly folder: string
  /** Makes a bucket, and resolves with the folder that has its objects as files. */
  createBucket: (name: string) => Promise<string>
  signal: ServerProcess['signal']
  /** Ends it at once, and starts it again on the same files and port. */
  restart: () => Promise<void>
  stop: () => Promise<void>
}

const REGION = 'eu-test-1'
const ACCESS_KEY_ID = 'telestore'
const SECRET_ACCESS_KEY = 'not-a-secret-of-anybody'

/** Starts Versity's S3 gateway on loopback, which keeps objects as files of a temporary folder. */
export async function startS3(): Promise<S3Server> {
  const command = findProgram('versitygw')
  if (command === null) throw new Error('versitygw is not installed')
  const folder = await mkdtemp(join(tmpdir(), 'telestore-s3-'))
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`

  const start = (): Promise<ServerProcess> =>
    startServer({
      command,
      args: [
        ...['--port', `127.0.0.1:${port}`, '--region', REGION, '--quiet', '--keep-alive'],
        ...['posix', '--sidecar', join(folder, 'attributes'), join(folder, 'buckets')],
      ],
      env: { ROOT_ACCESS_KEY_ID: ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY },
      answers: () => fetch(endpoint),
    })

  for (const part of ['buckets', 'attributes']) await mkdir(join(folder, part))
  let server = await start()
  return {
    endpoint,
    region: REGION,
    accessKeyId: ACCESS_KEY_ID,
    secretAccessKey: SECRET_ACCESS_KEY,
    folder: join(folder, 'buckets'),
    createBucket: async (name) => {
      const path = join(folder, 'buckets', name)
      await mkdir(path)
      return path
    },
    signal: (signal) => server.signal(signal),
    restart: async () => {
      await server.stop()
      server = await start()
    },
    stop: async () => {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
