import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startTelegram } from '../helpers/peers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess, type WorkerProcess } from '../helpers/worker/worker-process.ts'

/** What the worker may grow by, whatever is asked of it; one answer unread takes some 200 KB. */
const MAX_GROWTH_MB = 120

/** As the image runs it, but for the built files. */
async function start(): Promise<WorkerProcess> {
  const image = await readFile(new URL('../../Dockerfile', import.meta.url), 'utf8')
  const [, command = ''] = /^CMD \["node", (.+), "dist\/server\.js"\]$/m.exec(image) ?? []
  const flags: string[] = JSON.parse(`[${command}]`)
  expect(flags).toContain('--max-old-space-size=256')
  return startWorkerProcess(
    await startTelegram(),
    await makeTempDir(),
    { LOG_LEVEL: 'warn' },
    flags,
  )
}

/** The most memory that the process has ever had, in MB. */
async function peakMb({ pid }: WorkerProcess): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024
}

/** Writes all at once, and reads nothing. */
function attack({ url }: WorkerProcess, connections: number, bytes: string): Socket[] {
  const { port, hostname } = new URL(url)
  return Array.from({ length: connections }, () => {
    const socket = connect(Number(port), hostname).on('error', () => {})
    onTestFinished(() => void socket.destroy())
    socket.write(bytes)
    return socket.pause()
  })
}

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
}

test.each([
  ['1 connection', 1, get('/docs/json').repeat(1_700)],
  ['100 connections', 100, get('/docs/json').repeat(1_700)],
  ['500 connections', 500, get('/docs/static/swagger-ui-bundle.js').repeat(16)],
  ['500 connections', 500, get('/metrics').repeat(16)],
  ['500 connections', 500, get('/nothing').repeat(1_700)],
])('%s that request more than they read do not fill the memory', async (_name, count, bytes) => {
  const worker = await start()
  const before = await peakMb(worker)

  const sockets = attack(worker, count, bytes)
  await vi.waitFor(() => expect(sockets.every(({ pending }) => !pending)).toBe(true))
  await vi.waitFor(async () => expect(await healthOnItsOwn(worker)).toBe(200))

  expect(worker.alive).toBe(true)
  expect((await peakMb(worker)) - before).toBeLessThan(MAX_GROWTH_MB)
})

const POST = 'POST /init-upload HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'

test.each([
  ['say nothing', ''],
  ['are idle', get('/health')],
  ['never end a head', get('/health').slice(0, -2)],
  ['never send a body', `${POST}Content-Length: 9\r\n\r\n{`],
])('2,100 connections that %s do not keep the health check out', async (_name, bytes) => {
  const worker = await start()
  const sockets = attack(worker, 2_100, bytes)
  await vi.waitFor(() => expect(worker.output()).toContain('all connections are taken'))

  await vi.waitFor(async () => expect(await healthOnItsOwn(worker)).toBe(200))

  expect(sockets.filter(({ pending }) => pending)).toEqual([])
})

/** The status of a health check that opens a connection for itself, as a platform's does. */
async function healthOnItsOwn({ url }: WorkerProcess): Promise<number | undefined> {
  const [answer] = await once(request(`${url}/health`, { agent: false }).end(), 'response')
  answer.resume()
  return answer.statusCode
}
