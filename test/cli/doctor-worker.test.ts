import { once } from 'node:events'
import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import type { Finding } from '../../src/cli/doctor/check.ts'
import { checkWorker } from '../../src/cli/doctor/worker.ts'
import { freePort } from '../helpers/free-port.ts'
import { FAULTS } from '../helpers/peers/failing-peer.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { runHere } from './command.ts'

async function doctor(args: string[], env: Record<string, string> = {}) {
  return runHere(['doctor', ...args], { DATA_DIR: await makeTempDir(), ...env })
}

async function startReady(): Promise<string> {
  const worker = await startWorker({ gateway: createFakeGateway(), credentials: testCredentials })
  return worker.url
}

async function listen(server: Server): Promise<string> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function serve(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener)
  onTestFinished(() => server.closeAllConnections())
  return listen(server)
}

test('an address where no server listens is a fault', async () => {
  const nowhere = `http://127.0.0.1:${await freePort()}`

  const named = await doctor(['--url', nowhere])
  const inEnvironment = await doctor([], { TELESTORE_URL: nowhere })
  const blocked = await doctor(['--url', 'http://127.0.0.1:9'])
  const json = await doctor(['--url', nowhere, '--json'])

  for (const { code, lines } of [named, inEnvironment]) {
    expect(code).toBe(1)
    expect(lines).toContain(`✖ Worker: ${nowhere} has nothing that listens there (ECONNREFUSED)`)
    expect(lines.at(-1)).toBe('1 to put right')
  }
  expect(blocked).toMatchObject({ code: 1, stderr: '' })
  expect(blocked.lines).toContain('✖ Worker: http://127.0.0.1:9 cannot be asked (bad port)')
  expect(json.code).toBe(1)
  expect(json.lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({ verdict: 'failed', check: 'Worker' }),
  )
})

test('a worker that is ready and takes the token is no fault', async () => {
  const url = await startReady()

  const { code, lines } = await doctor(['--url', `${url}/`], { TELESTORE_TOKEN: 'token-ann' })

  expect(lines).toContain(`✔ Worker: ${url} is ready`)
  expect(lines.at(-1)).toBe('Nothing is wrong')
  expect(code).toBe(0)
})

test('a token that the worker refuses is a fault, and so is a path without a worker', async () => {
  const url = await startReady()

  const refused = await doctor(['--url', url], { TELESTORE_TOKEN: 'no-such-token' })
  const misled = await doctor(['--url', `${url}/wrong`])

  expect(refused.code).toBe(1)
  expect(refused.lines).toContain(`✖ Worker: ${url} does not take the token`)
  expect(misled.code).toBe(1)
  expect(misled.lines).toContain(`✖ Worker: ${url}/wrong has a worker, but not at this path`)
})

test.each([
  ['resets at once', /does not speak as this address says/],
  ['resets in its body', /does not speak as this address says/],
  ['gives half a JSON', /answers with status 200, and not as a worker does/],
  ['answers HTML with 200', /answers with status 200, and not as a worker does/],
  ['answers HTML with 502', /answers with status 502, and not as a worker does/],
  ['answers a wrong shape', /answers with status 200, and not as a worker does/],
  ['fails inside', /answers with status 500, and not as a worker does/],
  ['redirects', /sends its callers on to http:\/\/127\.0\.0\.1:\d+\/elsewhere$/],
  ['never ends', /answers with status 200, and not as a worker does/],
  ['sends rubbish', /cannot be asked \(/],
] as const)('doctor reports a peer that %s', async (fault, sentence) => {
  const url = await listen(
    createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => FAULTS[fault](socket))
      onTestFinished(() => void socket.destroy())
    }),
  )

  const { code, lines } = await doctor(['--url', url])

  expect(code).toBe(1)
  expect(lines.filter((line) => line.startsWith('✖'))).toEqual([expect.stringMatching(sentence)])
})

test('doctor reports a worker that does not answer in time', async () => {
  const found: Finding[] = []
  const url = await serve(() => {})
  const options = { url: null, token: null, force: false, json: false }
  const { signal } = new AbortController()

  await checkWorker({ report: (one) => found.push(one), signal, options }, { url, timeoutMs: 100 })

  expect(found).toMatchObject([
    { verdict: 'failed', text: expect.stringMatching(/does not answer within 0\.1 s$/) },
  ])
})

test('a worker that is not ready is a fault, with the names of what is not ready', async () => {
  const url = await serve((_request, response) => {
    const dependencies = {
      spool: { ready: true },
      telegram: { ready: false, reason: 'does not\u001b[2J answer' },
    }
    response.writeHead(503).end(JSON.stringify({ status: 'not ready', dependencies }))
  })

  const { code, lines } = await doctor(['--url', url])

  expect(code).toBe(1)
  expect(lines).toContain(`✖ Worker: ${url} is alive, but not ready: telegram does not?[2J answer`)
})

test('https to a port that speaks http is a fault', async () => {
  const url = await serve((_request, response) => void response.end())

  const { lines } = await doctor(['--url', url.replace('http:', 'https:')])

  expect(lines.join('\n')).toMatch(/✖ Worker: .* does not speak as this address says \(.*SSL.*\)/)
})

test('a certificate without a known signer is a fault', async () => {
  const server = createTlsServer({ key: KEY, cert: CERTIFICATE }, (_request, response) => {
    response.end()
  })
  const url = (await listen(server)).replace('http:', 'https:')

  const { code, lines } = await doctor(['--url', url])

  expect(code).toBe(1)
  expect(lines.join('\n')).toMatch(
    /has a certificate that is not good \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
  )
})

test.each(['nowhere', 'ftp://worker.example', 'http://ann:hidden-words@worker.example'])(
  'an address such as %s is wrong usage',
  async (url) => {
    const { code, lines, stderr } = await doctor(['--url', url])

    expect({ code, lines }).toEqual({ code: 2, lines: [] })
    expect(stderr).toContain('--url: ')
    expect(stderr).not.toContain('hidden-words')
  },
)

/** Made for this test by openssl, signed by itself; it guards nothing. */
const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgnWfAM3ev5crdnzju
4rH6HTkciVqtQZMqvXoOow9NS86hRANCAATsm01Q6k63RdnCpMmcL2UOaR3hPLN1
lrbi8ETNVABDvY7QIrUh5aUWOQb4Io92JrO0vCb5hdA/cM5yeO7jfmnw
-----END PRIVATE KEY-----`
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUfHDAR2M2GuQjc2eE4/hXgVCLJ6owCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyODIwMDU0NFoYDzIxMjYxMTA0
MjAwNTQ0WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATsm01Q6k63RdnCpMmcL2UOaR3hPLN1lrbi8ETNVABDvY7QIrUh5aUW
OQb4Io92JrO0vCb5hdA/cM5yeO7jfmnwo1MwUTAdBgNVHQ4EFgQUbuMOphMdKw44
KAQ/qkgNw4TZnFswHwYDVR0jBBgwFoAUbuMOphMdKw44KAQ/qkgNw4TZnFswDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAq2EBDPLOHSUHtn4I0Wb8
vEbqoqkO2CvijLOfIsfVmJcCIHDAYPMs9eaEnegpLmiZLZD+Ut202I864oPI0PJ/
o/MD
-----END CERTIFICATE-----`
