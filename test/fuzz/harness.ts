import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { downloadUrl, sha256, uploadFile } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { createTestCredentials, startWorker, type TestWorker } from '../helpers/worker/app.ts'
import { exchange } from './exchange.ts'
import { problemsOf } from './oracle.ts'
import {
  BOUNDARY,
  CANARY,
  type HostileRequest,
  MESSAGE_ID,
  OPEN_UPLOAD,
  TOKEN,
} from './requests.ts'

export interface Harness {
  /** Sends it from an address that has sent little so far; what is wrong with what came back. */
  attack: (request: HostileRequest) => Promise<string[]>
  /** Fails unless the worker has come through unharmed: disk, budget, connections, log, service. */
  expectUnharmed: () => Promise<void>
}

/** A full set of strangers' uploads at this size is their whole budget. */
const CHUNK_BYTES = 16 * MiB
const STRANGERS = 4
/** What may be in the spool, and beside it. */
const KNOWN_PATHS = [
  /^data(\/(lock|ledger)\.sqlite(-wal|-shm|-journal)?|\/ledger\.key)?$/,
  /^data\/spool(\/uploads(\/[\w-]{1,128}(\/\d{1,5}\.(chunk|growing))?)?|\/tmp)?$/,
]
const BUGS = /unexpected failure|ended in a bug|uncaught|unhandled|"level":60/

/** A real worker whose folder lies deep inside an empty one, so that a file elsewhere is seen. */
export async function startHarness(): Promise<Harness> {
  const outer = await mkdtemp(join(tmpdir(), 'fuzz-'))
  const inner = join(outer, 'a/b/c/d')
  await mkdir(join(inner, 'data'), { recursive: true })
  const bugs: string[] = []
  const gateway = createFakeGateway()
  const worker = await startWorker({
    gateway,
    // Spoilt requests carry tokens to where they are rightly repeated, such as a file's name.
    credentials: createTestCredentials(() => {}),
    dataDir: join(inner, 'data'),
    env: {
      MAX_FAILURES_PER_MINUTE: '1000000000',
      MAX_CHUNK_SIZE: String(CHUNK_BYTES),
      MAX_UPLOADS_PER_USER: '1000000000',
      MAX_BYTES_PER_USER: '1000000GB',
      SPOOL_MAX_BYTES: '1000000GB',
    },
    onLog: (line) => {
      if (BUGS.test(line) && bugs.length < 10) bugs.push(line)
    },
  })
  onTestFinished(async () => {
    await worker.close()
    await rm(outer, { recursive: true, force: true })
  })
  const { port } = worker.app.server.server.address() as AddressInfo
  const before = await readdir(inner, { recursive: true })
  await prepare(worker)

  let sent = 0
  return {
    attack: async (request) => {
      sent++
      const from = `127.0.${Math.floor(sent / 200) % 200}.${2 + (sent % 200)}`
      const result = await exchange(request, { port, from }).catch((error: Error) => error)
      const problems =
        result instanceof Error ? [result.message] : problemsOf(request, result, worker.dataDir)
      return [...problems, ...bugs.splice(0)].map((problem) => `${request.name}: ${problem}`)
    },
    expectUnharmed: async () => {
      await expectRoomForStrangers(port, worker.dataDir)
      await expectService(worker)
      await vi.waitFor(async () => expect(await countConnections(worker)).toBe(0))
      expect(await readdir(join(worker.dataDir, 'spool/tmp'))).toEqual([])
      expect(await strayPaths(outer, inner, before)).toEqual([])
      expect(bugs).toEqual([])
    },
  }
}

/** An open upload and a file in Telegram, for attacks to find. */
async function prepare({ url }: TestWorker): Promise<void> {
  await uploadFile(url, 'prey "ü".bin', Buffer.alloc(5000, 7), { token: TOKEN })
  const body = { uploadId: OPEN_UPLOAD, fileName: 'open', totalChunks: 2, fileSize: 6 }
  const response = await fetch(`${url}/init-upload`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  })
  expect(response.status).toBe(200)
}

/** Four strangers at once fill the budget for unclaimed bytes exactly, if no earlier one kept any. */
async function expectRoomForStrangers(port: number, dataDir: string): Promise<void> {
  const head =
    'POST /upload-chunk HTTP/1.1\r\nHost: worker.test\r\n' +
    `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\n` +
    `Content-Length: ${CHUNK_BYTES}\r\n\r\n--${BOUNDARY}\r\n` +
    'Content-Disposition: form-data; name="chunk"; filename="blob"\r\n\r\n'
  const temporary = () => readdir(join(dataDir, 'spool/tmp'))
  await vi.waitFor(async () => expect(await temporary()).toEqual([]))
  const sockets = Array.from({ length: STRANGERS }, (_, at): Socket => {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.9.0.${at + 1}` })
    socket.on('error', () => {})
    socket.write(`${head}bytes`)
    return socket
  })
  await vi.waitFor(async () => expect(await temporary()).toHaveLength(STRANGERS))
  for (const socket of sockets) socket.destroy()
  await vi.waitFor(async () => expect(await temporary()).toEqual([]))
}

async function expectService({ url }: TestWorker): Promise<void> {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 7) % 251))
  const sent = await uploadFile(url, 'healthy.bin', bytes, { token: 'token-bob', chunkSize: MiB })
  expect(sent.messageId).toBeGreaterThan(MESSAGE_ID)
  const response = await fetch(downloadUrl(url, sent.messageId, 'token-bob'))
  expect(sha256(Buffer.from(await response.arrayBuffer()))).toBe(sha256(bytes))
}

async function strayPaths(outer: string, inner: string, before: string[]): Promise<string[]> {
  const outside = (await readdir(outer, { recursive: true })).filter((path) => {
    return !path.startsWith('a/b/c/d/') && !'a/b/c/d'.startsWith(path)
  })
  const inside = (await readdir(inner, { recursive: true })).filter((path) => {
    return !before.includes(path) && !KNOWN_PATHS.some((known) => known.test(path))
  })
  const elsewhere = await Promise.all(['/', tmpdir(), process.cwd()].map((path) => readdir(path)))
  return [...outside, ...inside, ...elsewhere.flat().filter((name) => name.includes(CANARY))]
}

/** Those of this process's `fetch` stay open for a while: only others count. */
async function countConnections({ app }: TestWorker): Promise<number> {
  app.server.server.closeIdleConnections()
  return new Promise((resolve, reject) => {
    app.server.server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
  })
}
