import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { findProgram, plainEnvironment } from './programs.ts'

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Debian's Chromium without a screen, until the test ends. */
export async function openBrowser(home: string): Promise<Browser> {
  const browser = await chromium.launch({
    executablePath: await findProgram('chromium'),
    args: FLAGS,
    env: plainEnvironment(home),
    headless: true,
    timeout: PAGE_TIMEOUT_MS,
  })
  onTestFinished(() => browser.close())
  return browser
}

/** How long a test waits for the page. */
export const PAGE_TIMEOUT_MS = 90_000

/** A tab that shows `body`, from an origin that is not the worker's. */
export async function openPage(browser: Browser, body: string): Promise<Page> {
  const page = await browser.newPage()
  page.setDefaultTimeout(PAGE_TIMEOUT_MS)
  await page.goto(await servePage(`<!doctype html><title>page</title>${body}`))
  return page
}

async function servePage(html: string): Promise<string> {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html; charset=utf-8')
    response.end(html)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}/`
}

/** Red, green and blue of the pixel in the middle of a PNG, which `canvas` decodes. */
export async function colourAtCentre(png: Buffer, canvas: Page): Promise<unknown> {
  return canvas.evaluate(`(async () => {
    const picture = new Image()
    picture.src = 'data:image/png;base64,${png.toString('base64')}'
    await picture.decode()
    const { width, height } = picture
    const context = new OffscreenCanvas(1, 1).getContext('2d')
    context.drawImage(picture, -Math.floor(width / 2), -Math.floor(height / 2))
    return [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)]
  })()`)
}
