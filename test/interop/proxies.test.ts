import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir, stat } from 'node:fs/promises'
import { request as openRequest } from 'node:https'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { createClient } from 'telestore-client'
import { describe, expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../src/lib/units.ts'
import {
  completeAndPoll,
  downloadUrl,
  newUploadId,
  postChunk,
  sendChunks,
  sha256,
  uploadFile,
} from '../helpers/callers/client.ts'
import { createTus, idIn, makeTusUpload, tusHeaders } from '../helpers/callers/tus.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './support/browser.ts'
import { makeFile } from './support/page-visit.ts'
import { run } from './support/programs.ts'
import { PROXY_CONFIGS, type ProxyConfig, startProxyProgram } from './support/proxy-program.ts'

const ANN = 'token-ann'

/** A worker as the guide sets it up, behind the proxy. */
async function start(config: ProxyConfig) {
  const gateway = createFakeGateway()
  const worker = await startWorker({
    env: { TRUST_PROXY: 'loopback' },
    gateway,
    credentials: testCredentials,
  })
  const proxy = await startProxyProgram(config, worker.url)
  return { ...proxy, worker, gateway }
}

test('the guide has two blocks for each proxy', () => {
  expect(PROXY_CONFIGS.map(({ program, prefix }) => program + prefix)).toEqual(
    ['nginx', 'caddy', 'haproxy'].flatMap((each) => [each, `${each}/telestore`]),
  )
})

describe.each(PROXY_CONFIGS)('$name', (config) => {
  test('brings chunks, ranges, and links that lead back', async () => {
    const { url, gateway } = await start(config)
    const bytes = randomBytes(12 * MiB + 3)

    const { messageId } = await uploadFile(url, 'film.bin', bytes, { token: ANN, parallel: 3 })
    const whole = await fetch(downloadUrl(url, messageId, ANN))
    const range = await fetch(downloadUrl(url, messageId, ANN), {
      headers: { range: `bytes=${5 * MiB - 7}-${5 * MiB + 6}` },
    })
    const client = createClient({ url: `${url}/`, token: ANN })
    const { link } = await client.ticket(messageId ?? 0)
    const downloaded = await client.download(messageId ?? 0)
    const document = await (await fetch(`${url}/docs/json`)).json()

    expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
    expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(sha256(bytes))
    expect(range.status).toBe(206)
    expect(range.headers.get('content-range')).toBe(
      `bytes ${5 * MiB - 7}-${5 * MiB + 6}/${bytes.length}`,
    )
    expect(Buffer.from(await range.arrayBuffer())).toEqual(bytes.subarray(5 * MiB - 7, 5 * MiB + 7))
    expect(link).toMatch(new RegExp(`^${url}/download\\?`))
    expect(sha256(Buffer.from(await (await fetch(link)).arrayBuffer()))).toBe(sha256(bytes))
    expect(sha256(await buffer(downloaded.body))).toBe(sha256(bytes))
    expect(document).toMatchObject({ servers: [{ url }] })
  })

  test.each([
    ['in one request', {}],
    ['in three at once', { parallelUploads: 3 }],
  ])('brings a file of tus-js-client %s', async (_how, options) => {
    const { url, gateway } = await start(config)
    const bytes = randomBytes(9 * MiB + 1)
    const { upload, finished } = makeTusUpload(url, bytes, {
      token: ANN,
      chunkSize: Number.POSITIVE_INFINITY,
      ...options,
    })

    upload.start()
    await finished

    expect(upload.url).toMatch(new RegExp(`^${url}/files/`))
    await vi.waitFor(() => expect(gateway.posted).toHaveLength(1))
    expect(sha256(gateway.posted[0]?.bytes ?? Buffer.alloc(0))).toBe(sha256(bytes))
  })

  test('passes a body on while it comes', async () => {
    const { url, worker } = await start(config)
    const uploadId = await createTus(url, ANN, { 'upload-length': String(4 * MiB) })

    const patch = openRequest(`${url}/files/${uploadId}`, {
      method: 'PATCH',
      headers: tusHeaders(ANN, {
        'upload-offset': '0',
        'content-type': 'application/offset+octet-stream',
        'content-length': String(4 * MiB),
      }),
    })
    patch.on('error', () => {})
    patch.write(randomBytes(MiB))

    await vi.waitFor(async () => {
      expect(await bytesBelow(join(worker.dataDir, 'spool'))).toBeGreaterThan(512 * KiB)
    })
    patch.destroy()
  })

  test('passes events on while they come, by stream and by socket', async () => {
    const { url } = await start(config)
    const bytes = randomBytes(100)
    const first = { fileName: 'a.bin', fileSize: 200, totalChunks: 2, authToken: ANN }
    const uploadId = newUploadId()
    const chunk = (chunkIndex: number) => ({ ...first, uploadId, chunkIndex, chunk: bytes })
    const socket = new WebSocket(`${url.replace('https:', 'wss:')}/ws/me?token=${ANN}`)
    const heard: string[] = []
    socket.addEventListener('message', ({ data }) => heard.push(String(data)))
    await once(socket, 'open')
    expect((await postChunk(url, chunk(0))).status).toBe(200)

    const events = await fetch(`${url}/upload-progress/${uploadId}?token=${ANN}`, {
      headers: { accept: 'text/event-stream' },
    })
    const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader()
    const begun = await reader?.read()
    expect(begun?.value).toContain('"status":"uploading"')
    expect((await postChunk(url, chunk(1))).status).toBe(200)
    await completeAndPoll(url, uploadId)

    let told = ''
    for (let piece = await reader?.read(); piece && !piece.done; piece = await reader?.read()) {
      told += piece.value
    }
    expect(told).toContain('"status":"completed"')
    await vi.waitFor(() => expect(heard.join('\n')).toContain('"status":"completed"'))
    socket.close()
  })

  test('ends a download at the worker when its reader hangs up', async () => {
    const { url, gateway } = await start(config)
    const bytes = Buffer.alloc(96 * MiB)
    gateway.posted.push({ messageId: 1, name: 'film.bin', mimeType: 'video/mp4', bytes })
    const leaving = new AbortController()

    const answer = await fetch(downloadUrl(url, 1, ANN), { signal: leaving.signal })
    await answer.body?.getReader().read()
    leaving.abort()

    await vi.waitFor(() => expect(gateway.openReads).toBe(0))
    expect(gateway.readBytes).toBeLessThan(bytes.length)
  })

  test('brings a refusal that comes before the body’s end as JSON', async () => {
    const { url } = await start(config)

    const refused = sendChunks(url, 'a.bin', randomBytes(9 * MiB), {
      token: 'nonsense',
      chunkSize: 9 * MiB,
    })

    await expect(refused).rejects.toThrow(/^chunk 0: 401 \{"error":.*"code":"TOKEN_REFUSED"/)
  })

  test('speaks HTTP/2, and a client cannot forge the address of the worker', async () => {
    const { url, authority } = await start(config)
    const forged = ['Host', 'Proto', 'Prefix'].map((name) => ['-H', `X-Forwarded-${name}: /evil`])
    const asked = ['-s', '--http2', '--cacert', authority, '-D', '-', '-o', '/dev/null']
    const tus = ['-X', 'POST', '-H', 'Tus-Resumable: 1.0.0', '-H', `Authorization: Bearer ${ANN}`]

    const output = await run(
      'curl',
      [...asked, ...tus, '-H', 'Upload-Length: 10', ...forged.flat(), `${url}/files`],
      { home: await makeTempDir() },
    )

    expect(String(output)).toMatch(/^HTTP\/2 201/)
    const [, location = ''] = /^location: (\S+)/im.exec(String(output)) ?? []
    expect(location).toBe(`${url}/files/${idIn(location)}`)
  })
})

test.each(PROXY_CONFIGS.filter(({ prefix }) => prefix !== ''))(
  'the page and the documentation work below a path of $program',
  async (config) => {
    const { url } = await start(config)
    const browser = await openBrowser(await makeTempDir())
    const context = await browser.newContext({ ignoreHTTPSErrors: true })
    context.setDefaultTimeout(PAGE_TIMEOUT_MS)
    const page = await context.newPage()
    const strays: string[] = []
    page.on('request', (request) => {
      const address = request.url()
      if (address.startsWith('http') && !address.startsWith(`${url}/`)) strays.push(address)
    })
    page.on('pageerror', (error) => strays.push(error.message))
    await page.goto(url)
    expect(page.url()).toBe(`${url}/`)
    strays.splice(0)

    await page.getByLabel('Token', { exact: true }).fill(ANN)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Add files and folders' }).waitFor()
    const path = await makeFile(await makeTempDir(), 'note.txt', Buffer.from('a note'))
    await page.setInputFiles('#files', path)
    await page.getByRole('button', { name: 'Select note.txt' }).click()
    await page.getByRole('button', { name: 'Share', exact: true }).click()
    await page.getByRole('button', { name: 'Make the link' }).click()
    const field = page.getByRole('textbox', { name: 'Link', exact: true })
    await expect.poll(() => field.inputValue()).toMatch(/./)
    const link = await field.inputValue()

    expect(link).toMatch(new RegExp(`^${url}/s/`))
    expect(await (await fetch(link)).text()).toBe('a note')
    await page.goto(link)
    await page.getByRole('heading', { name: 'note.txt' }).waitFor()
    const cookies = await context.cookies(link)
    expect(cookies.map(({ path }) => path)).toEqual([new URL(link).pathname])

    await page.goto(`${url}/docs`)
    await page.locator('#operations-Service-health').getByRole('button').first().click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    await page.locator('.live-responses-table .response .microlight').first().waitFor()
    expect(strays).toEqual([])
  },
)

async function bytesBelow(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  // One may be renamed meanwhile.
  const sizes = files.map(({ parentPath, name }) =>
    stat(join(parentPath, name)).then(
      ({ size }) => size,
      () => 0,
    ),
  )
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0)
}
