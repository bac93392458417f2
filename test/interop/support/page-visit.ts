import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Emulator } from 'telegram-emulator'
import { expect, onTestFinished } from 'vitest'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess, type WorkerProcess } from '../../helpers/worker/worker-process.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './browser.ts'

/** A person at the page, of a worker on an emulated Telegram. */
export interface PageVisit {
  page: Page
  context: BrowserContext
  browser: Browser
  worker: WorkerProcess
  telegram: Emulator
  /** An empty folder for files to upload. */
  folder: string
  /** Chunks that the worker has acknowledged. */
  readonly chunksTaken: number
  /** Enters the token `main`. */
  signIn: () => Promise<void>
  /** As if chosen by the button; a browser opens its window for that where no test can click. */
  choose: (...paths: string[]) => Promise<void>
  /** The row of one upload, and of one file in Telegram. */
  upload: (name: string) => Locator
  entry: (name: string) => Locator
  /** Selects one file in Telegram. */
  select: (name: string) => Promise<void>
  /** Lets so many chunks pass, and holds the others until the returned function is called. */
  holdChunksAfter: (count: number) => Promise<() => Promise<void>>
}

/** What the console may say: the browser writes every refusal of the worker there itself. */
const BROWSERS_OWN = /Failed to load resource/

export interface VisitOptions {
  env?: Record<string, string>
  context?: BrowserContextOptions
}

export async function visitPage({ env, context: wish }: VisitOptions = {}): Promise<PageVisit> {
  const telegram = await startTelegram()
  const worker = await startWorkerProcess(telegram, await makeTempDir(), env)
  const browser = await openBrowser(await makeTempDir())
  const context = await browser.newContext(wish)
  context.setDefaultTimeout(PAGE_TIMEOUT_MS)
  const page = await context.newPage()
  const taken = watchChunks(context)
  watchComplaints(context, worker.url)
  // The browser asks before leaving while bytes are on their way; this person leaves.
  page.on('dialog', (dialog) => void dialog.accept())
  await page.goto(worker.url)
  return {
    page,
    context,
    browser,
    worker,
    telegram,
    folder: await makeTempDir(),
    get chunksTaken() {
      return taken.count
    },
    signIn: async () => {
      await page.getByLabel('Token', { exact: true }).fill('main')
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { name: 'Add files and folders' }).waitFor()
      // The page listens for drops and pastes from the moment on at which it takes the focus.
      await expect.poll(() => page.evaluate('document.activeElement.localName')).toBe('h1')
    },
    choose: (...paths) => page.setInputFiles('#files', paths),
    upload: (name) => uploadIn(page, name),
    entry: (name) => entryIn(page, name),
    select: (name) => page.getByRole('button', { name: `Select ${name}`, exact: true }).click(),
    holdChunksAfter: (count) => holdChunks(page, count),
  }
}

function uploadIn(page: Page, name: string): Locator {
  const region = page.getByRole('region', { name: 'Uploads', exact: true })
  const heading = page.getByRole('heading', { name, exact: true })
  return region.getByRole('listitem').filter({ has: heading })
}

/** A folder or file of the library. */
export function entryIn(page: Page, name: string): Locator {
  const text = page.getByText(name, { exact: true })
  return page.getByRole('grid').getByRole('gridcell').filter({ has: text })
}

function watchChunks(context: BrowserContext): { count: number } {
  const taken = { count: 0 }
  context.on('response', (response) => {
    if (response.url().endsWith('/upload-chunk') && response.ok()) taken.count++
  })
  return taken
}

/** Fails the test at its end when the page threw, complained, or called another server than the worker. */
function watchComplaints(context: BrowserContext, origin: string): void {
  const complaints: string[] = []
  context.on('weberror', (error) => complaints.push(error.error().message))
  context.on('console', (message) => {
    const isLoud = message.type() === 'error' || message.type() === 'warning'
    if (isLoud && !BROWSERS_OWN.test(message.text())) complaints.push(message.text())
  })
  context.on('request', (request) => {
    const { protocol, origin: called } = new URL(request.url())
    if (protocol.startsWith('http') && called !== origin) complaints.push(request.url())
    if (/token=(?!tkt_)/.test(request.url())) complaints.push(`a token in ${request.url()}`)
  })
  onTestFinished(() => expect(complaints).toEqual([]))
}

async function holdChunks(page: Page, count: number): Promise<() => Promise<void>> {
  let passed = 0
  const release = Promise.withResolvers<void>()
  await page.route('**/upload-chunk', async (route) => {
    if (passed++ >= count) await release.promise
    // The page may have given it up by then.
    await route.continue().catch(() => {})
  })
  return async () => {
    release.resolve()
    await page.unroute('**/upload-chunk')
  }
}

/** A file on disk, so that it has the same time whenever it is chosen. */
export async function makeFile(folder: string, name: string, bytes: Buffer): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, bytes)
  return path
}
