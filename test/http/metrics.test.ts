import { once } from 'node:events'
import { expect, test, vi } from 'vitest'
import { AppError } from '../../src/errors.ts'
import { MiB } from '../../src/lib/units.ts'
import { completeAndPoll, postJson, sendChunks } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'

async function start() {
  const gateway = createFakeGateway()
  const worker = await startWorker({ gateway, credentials: testCredentials })
  return { ...worker, gateway }
}

const TEXT = { accept: 'text/plain;version=0.0.4;q=0.5,*/*;q=0.1' }
/** What Prometheus 3 sends. */
const SCRAPER = { accept: 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;q=0.4' }

/**
 * One sample a line (prometheus.io/docs/instrumenting/exposition_formats). Values are what Go's
 * ParseFloat takes: it reads prom-client's `Nan`, which stands for a mean of nothing, as NaN.
 */
const SAMPLE =
  /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[\d.]+(?:e[+-]?\d+)?|[+-]Inf|Na[Nn])$/

/** All samples by name and labels; throws on a line that no scraper could read. */
async function scrape(url: string, headers = TEXT): Promise<Map<string, number>> {
  const answer = await fetch(`${url}/metrics`, { headers })
  expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
  const samples = new Map<string, number>()
  for (const line of (await answer.text()).split('\n')) {
    if (line === '' || /^# (HELP|TYPE) /.test(line)) continue
    const [, name, labels = '', value] = SAMPLE.exec(line) ?? []
    if (name === undefined) throw new Error(`not a sample: ${line}`)
    samples.set(`${name}${labels}`, Number(value))
  }
  return samples
}

async function upload(url: string) {
  const bytes = Buffer.alloc(MiB + 5, 3)
  const { uploadId } = await sendChunks(url, 'a.bin', bytes, { token: 'token-ann' })
  return (await completeAndPoll(url, uploadId)).at(-1)
}

test('uploads are counted by outcome and road, bytes in each direction', async () => {
  const { url } = await start()

  const end = await upload(url)
  const body = await fetch(`${url}/download?messageId=${end?.messageId}&token=token-ann`)
  await body.arrayBuffer()

  await vi.waitFor(async () => {
    const samples = await scrape(url)
    const read = (name: string) => samples.get(`telestore_${name}`)
    expect(read('uploads_total{outcome="completed",road="mtproto-user"}')).toBe(1)
    expect(read('upload_last_chunk_to_completed_seconds_count')).toBe(1)
    expect(read('downloads_total{outcome="completed",road="mtproto-user"}')).toBe(1)
    expect(read('bytes_total{direction="received"}')).toBe(MiB + 5)
    expect(read('bytes_total{direction="served"}')).toBe(MiB + 5)
    expect(read('bytes_total{direction="from_telegram"}')).toBeGreaterThanOrEqual(MiB + 5)
    expect(read('spool_reserved_bytes')).toBe(0)
    expect(read('cache_misses_total')).toBeGreaterThan(0)
    const route = '{method="POST",route="/upload-chunk",status="200"}'
    expect(read(`http_request_duration_seconds_count${route}`)).toBe(1)
    expect(samples.get('process_resident_memory_bytes')).toBeGreaterThan(MiB)
    expect(samples.has('nodejs_eventloop_lag_seconds')).toBe(true)
  })
})

test('a transfer that Telegram has asked to wait does not count as running', async () => {
  const { url, gateway } = await start()
  const reported = Promise.withResolvers<void>()
  gateway.beforeFinish = async ({ signal, onEvent }) => {
    onEvent({ phase: 'waiting', retryAfter: 600 })
    reported.resolve()
    await once(signal, 'abort')
  }
  const { uploadId } = await sendChunks(url, 'a.bin', Buffer.alloc(9), { token: 'token-ann' })
  await postJson(`${url}/complete-upload`, { uploadId })
  await reported.promise

  const { jobs } = await (await fetch(`${url}/metrics`)).json()
  const samples = await scrape(url)

  expect(jobs).toEqual({ running: 0, waiting: 1 })
  expect(samples.get('telestore_jobs')).toBe(1)
  expect(samples.get('telestore_jobs_running')).toBe(0)
  expect(samples.get('telestore_jobs_waiting')).toBe(1)
})

test('a failure, its cause and a cancelled upload are counted', async () => {
  const { url, gateway } = await start()
  gateway.beforeFinish = async () => {
    throw new AppError('TELEGRAM_FORBIDDEN', 'no')
  }

  await upload(url)
  const { uploadId } = await sendChunks(url, 'b', Buffer.alloc(9), { token: 'token-ann' })
  await postJson(`${url}/cancel-upload`, { uploadId })

  const samples = await scrape(url)
  expect(samples.get('telestore_uploads_total{outcome="failed",road="mtproto-user"}')).toBe(1)
  expect(samples.get('telestore_uploads_total{outcome="cancelled",road="none"}')).toBe(1)
  const failure = '{cause="TELEGRAM_FORBIDDEN",retryable="false"}'
  expect(samples.get(`telestore_transfer_failures_total${failure}`)).toBe(1)
})

test('an upload whose client does not come back is counted as expired, not as cancelled', async () => {
  const dataDir = await makeTempDir()
  const options = { gateway: createFakeGateway(), credentials: testCredentials, dataDir }
  const before = await startWorker(options)
  const { uploadId } = await sendChunks(before.url, 'b', Buffer.alloc(9), { token: 'token-ann' })
  const days = before.adapters.now() - 8 * 86_400_000
  await before.adapters.ledger.touchUpload(uploadId, days)
  await before.close()

  // It sweeps as it begins.
  const { url } = await startWorker(options)

  await vi.waitFor(async () => {
    const samples = await scrape(url)
    expect(samples.get('telestore_uploads_total{outcome="expired",road="none"}')).toBe(1)
    expect([...samples.keys()].join()).not.toMatch(/outcome="(cancelled|abandoned)"/)
  })
})

test('a wait that Telegram tells to several parts is counted once', async () => {
  const { url, gateway } = await start()
  gateway.beforeFinish = async ({ onEvent }) => {
    for (let part = 0; part < 8; part++) onEvent({ phase: 'waiting', retryAfter: 30 })
  }

  await upload(url)

  const samples = await scrape(url)
  expect(samples.get('telestore_flood_wait_seconds_total')).toBeCloseTo(30, 0)
})

test('addresses that callers make up do not become labels', async () => {
  const { url } = await start()
  for (let at = 0; at < 20; at++) await fetch(`${url}/made-up-${at}?token=secret-${at}`)
  for (let at = 0; at < 20; at++) await fetch(`${url}/upload-progress/unknown_${at}`)

  const routes = [...(await scrape(url)).keys()].filter((key) => key.includes('_count{method='))

  expect(routes).toHaveLength(2)
  expect(routes.join()).not.toMatch(/made-up|unknown_|secret/)
})

test('browsers and older dashboards get JSON, scrapers of OpenMetrics get text', async () => {
  const { url } = await start()
  await sendChunks(url, 'a', Buffer.alloc(9), { token: 'token-ann' })

  const answer = await fetch(`${url}/metrics`)

  expect(answer.headers.get('vary')).toContain('Accept')
  expect(await answer.json()).toMatchObject({
    ok: true,
    backend: 'fastify',
    uptime_seconds: expect.any(Number),
    active_sessions: 1,
    spool: { reserved_bytes: 9 },
  })
  expect((await scrape(url, SCRAPER)).size).toBeGreaterThan(20)
})

test('answers tell how long their steps took', async () => {
  const { url } = await start()
  const end = await upload(url)

  const progress = await fetch(`${url}/upload-progress/${end?.uploadId}`)
  const body = await fetch(`${url}/download?messageId=${end?.messageId}&token=token-ann`)
  await body.arrayBuffer()

  expect(progress.headers.get('server-timing')).toMatch(/^total;dur=[\d.]+$/)
  expect(body.headers.get('server-timing')).toMatch(/^find;dur=[\d.]+, read;dur=[\d.]+$/)
})

test.each([
  ['application/json, text/plain, */*', 'application/json'],
  ['application/json, text/plain;q=0.5', 'application/json'],
  ['text/plain;q=0, application/json;q=0.5', 'application/json'],
  ['text/html, application/xhtml+xml, */*;q=0.8', 'application/json'],
  ['*/*', 'application/json'],
  ['text/plain', 'text/plain'],
  ['TEXT/PLAIN; version=0.0.4, */*; q=0.1', 'text/plain'],
  ['application/json;q=0.1, text/plain;q=0.2', 'text/plain'],
  ['application/openmetrics-text; version=1.0.0', 'text/plain'],
])('a caller that accepts %s gets %s', async (accept, type) => {
  const { url } = await start()

  const answer = await fetch(`${url}/metrics`, { headers: { accept } })

  expect(answer.headers.get('content-type')).toMatch(new RegExp(`^${type};`))
})

test('only counters have the name of a counter', async () => {
  const { url } = await start()

  const answer = await fetch(`${url}/metrics`, { headers: TEXT })
  const types = [...(await answer.text()).matchAll(/^# TYPE (\S+) (\w+)$/gm)]

  const counted = types.filter(([, name]) => name?.endsWith('_total'))
  expect(counted.length).toBeGreaterThan(5)
  expect(counted.filter(([, , type]) => type !== 'counter')).toEqual([])
})
