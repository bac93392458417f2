import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'
import { freePort } from '../helpers/free-port.ts'
import { SOURCE_CONDITION } from '../helpers/source-condition.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { trace, traceTest } from '../secrets/trace.ts'

const SERVER = fileURLToPath(new URL('../../src/server.ts', import.meta.url))

test('on a terminal the worker prints its address and then a line for each request', async () => {
  const { port, output } = await startOnTerminal()
  const url = `http://127.0.0.1:${port}`
  await vi.waitFor(() => expect(output()).toContain(`Open    ${url}\r\n`))
  expect(output()).toContain('Token   demo, or any other that begins so\r\n')

  await fetch(`${url}/health`)

  await vi.waitFor(() => expect(output()).toMatch(/ {2}GET \/health 200 \d+ ms\r\n/))
  expect(output()).not.toMatch(/\{"|incoming request|listening at/)
})

test('on a terminal a taken port is reported in one sentence', async () => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  onTestFinished(() => void taken.close())
  const address = taken.address()
  const port = typeof address === 'object' && address ? address.port : 0

  const { output, ended } = await startOnTerminal({ PORT: String(port), LOG_LEVEL: 'warn' })

  expect(await ended).toBe(1)
  expect(output()).toMatch(
    /^\S+ {2}FATAL {2}the worker cannot start: another program listens.*\r\n$/,
  )
})

test('on a terminal LOG_LEVEL=silent prints nothing', async () => {
  const { port, output } = await startOnTerminal({ LOG_LEVEL: 'silent' })

  await vi.waitFor(() => fetch(`http://127.0.0.1:${port}/health`))

  expect(output()).toBe('')
})

/** `script` of util-linux gives a process a terminal. */
async function startOnTerminal(env: Record<string, string> = {}) {
  const port = await freePort()
  traceTest()
  const command = `exec '${process.execPath}' ${SOURCE_CONDITION} '${SERVER}'`
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH,
      SHELL: '/bin/sh',
      TERM: 'xterm',
      NO_COLOR: '1',
      PORT: String(port),
      DATA_DIR: await makeTempDir(),
      ...env,
    },
  })
  const ended = once(child, 'close').then(([code]) => code)
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    trace(text)
  })
  onTestFinished(async () => {
    // It passes this on to the worker.
    child.kill('SIGTERM')
    await ended
  })
  return { port, output: () => output, ended }
}
