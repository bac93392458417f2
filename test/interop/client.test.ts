import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startFaultProxy } from '../../packages/client/test/fault-proxy.ts'
import { MiB } from '../../src/lib/units.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './support/browser.ts'

const SIZE = 12 * MiB
const CHUNK = 'POST /upload-chunk'
const CLIENT = '../../packages/client/src/'

/** A page of another origin that has the client, and a worker behind a network of the test's. */
async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  const proxy = await startFaultProxy(worker.url)
  const page = await (await openBrowser(await makeTempDir())).newPage()
  page.setDefaultTimeout(PAGE_TIMEOUT_MS)
  const origin = await serveSources()
  await page.goto(origin)
  return { gateway, proxy, page, origin, begin: () => page.evaluate(begin(proxy.url)) }
}

/** Begins the upload in the page; what it tells is in `heard`, its end in `end`. */
const begin = (url: string): string => `(async () => {
  const { createClient } = await import('/client/client.ts')
  const bytes = new Uint8Array(${SIZE})
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 13)) & 255
  const file = new File([bytes], 'film.bin', { lastModified: 1762700000000 })
  const client = createClient({ url: '${url}', token: 'token-ann' })
  window.heard = []
  window.end = null
  window.job = client.upload(file, { parallel: 1, onProgress: (each) => heard.push(each) })
  job.done.then((result) => { end = result }, (error) => { end = { failed: String(error) } })
})()`

const endOf = (page: Page): Promise<unknown> =>
  page
    .waitForFunction('window.end', null, { timeout: PAGE_TIMEOUT_MS })
    .then((end) => end.jsonValue())

test('a browser reports bytes as they leave, and every byte arrives', async () => {
  const { gateway, page, begin } = await start()
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: 4 * MiB,
  })

  await begin()
  const end = await endOf(page)

  expect(end).toMatchObject({ messageId: 1, size: SIZE })
  expect(gateway.posted.map(({ bytes }) => sha256(bytes))).toEqual([sha256(expectedBytes())])
  const steps = await page.evaluate('new Set(heard.map((each) => each.sentBytes)).size')
  expect(steps).toBeGreaterThan(6)
  const speeds = await page.evaluate('heard.map((each) => each.speed).filter((each) => each > 0)')
  expect(speeds).not.toEqual([])
})

test('after a reload only what is missing is sent', async () => {
  const { gateway, proxy, page, origin, begin } = await start()
  let chunks = 0
  proxy.before('/upload-chunk', () => (++chunks === 3 ? new Promise(() => {}) : Promise.resolve()))
  await begin()
  await vi.waitFor(() => expect(chunks).toBe(3))

  await page.goto(origin)
  await begin()
  const end = await endOf(page)

  expect(end).toMatchObject({ messageId: 1 })
  expect(proxy.count(CHUNK)).toBe(4)
  expect(gateway.posted.map(({ bytes }) => sha256(bytes))).toEqual([sha256(expectedBytes())])
  expect(await page.evaluate('localStorage.length')).toBe(0)
})

test('without a network an upload waits for it, and goes on', async () => {
  const { gateway, proxy, page, begin } = await start()
  let offline: Promise<void> | null = null
  proxy.before('/upload-chunk', async () => {
    offline ??= page.context().setOffline(true)
    await offline
  })
  await begin()
  await page.waitForFunction(`heard.some((each) => each.text.startsWith('No network'))`)

  await page.context().setOffline(false)
  const end = await endOf(page)

  expect(end).toMatchObject({ messageId: 1 })
  expect(gateway.posted.map(({ bytes }) => sha256(bytes))).toEqual([sha256(expectedBytes())])
})

/** The client's sources as a browser takes them: without their types. */
async function serveSources(): Promise<string> {
  const server = createServer(async (request, response) => {
    const [, path] = /^\/client\/((?:\w+\/)*[\w-]+\.ts)$/.exec(request.url ?? '') ?? []
    if (path === undefined) {
      response.setHeader('content-type', 'text/html')
      response.end('<!doctype html><title>page</title>')
      return
    }
    const source = await readFile(new URL(`${CLIENT}${path}`, import.meta.url), 'utf8')
    response.setHeader('content-type', 'text/javascript')
    response.end(stripTypeScriptTypes(source))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

function expectedBytes(): Uint8Array {
  return Uint8Array.from({ length: SIZE }, (_, at) => (at * 7 + (at >> 13)) & 255)
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
