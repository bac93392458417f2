import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Page } from 'playwright-core'
import { createClient, type Share, type ShareOptions } from 'telestore-client'
import { expect, onTestFinished, test } from 'vitest'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { startTelegram } from '../../helpers/peers/telegram.ts'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { startWorkerProcess } from '../../helpers/worker/worker-process.ts'
import { expectSound } from '../support/appearance.ts'
import { openBrowser, openPage, PAGE_TIMEOUT_MS } from '../support/browser.ts'
import { makeVideo } from '../support/video.ts'

const ARABIC = 'صورة من العطلة في القدس مع العائلة.txt'
const LONG = `${'A_name_without_any_space_that_is_longer_than_a_phone_is_wide_'.repeat(3)}.bin`
const VIDEO = `document.querySelector('dialog video')`

/** A worker with these files in `/Holiday`, and what a stranger's browser says of their shares. */
async function start(files: Record<string, Buffer>) {
  const telegram = await startTelegram()
  const { url } = await startWorkerProcess(telegram, await makeTempDir())
  const client = createClient({ url, token: 'main' })
  const ids: number[] = []
  for (const [name, bytes] of Object.entries(files)) {
    const job = client.upload(new File([new Uint8Array(bytes)], name), { folder: '/Holiday' })
    ids.push((await job.done).messageId)
  }
  const browser = await openBrowser(await makeTempDir())
  const context = await browser.newContext({ acceptDownloads: true })
  context.setDefaultTimeout(PAGE_TIMEOUT_MS)
  const complaints: string[] = []
  context.on('weberror', (error) => complaints.push(error.error().message))
  context.on('request', (request) => {
    // The browser's own viewer of PDFs loads its parts.
    const isWeb = /^https?:/.test(request.url())
    if (isWeb && !request.url().startsWith(`${url}/`)) complaints.push(request.url())
    if (/:\d+\/(library|download|tickets|shares)\b/.test(request.url()))
      complaints.push(request.url())
  })
  onTestFinished(() => expect(complaints).toEqual([]))
  const page = await context.newPage()
  const share = (content: { items: number[] } | { folder: string }, options?: ShareOptions) =>
    client.shares.create(content, options)
  const used = async ({ id }: Share) =>
    (await client.shares.list()).find((each) => each.id === id)?.downloads
  return { client, browser, context, page, ids, share, used }
}

async function saved(page: Page, click: () => Promise<void>): Promise<Buffer> {
  const [download] = await Promise.all([page.waitForEvent('download'), click()])
  return readFile(await download.path())
}

test('a shared film plays, seeks and is saved within one visit, and is gone for the next one', async () => {
  const video = await makeVideo({ seconds: 60, megabitsPerSecond: 4 })
  const { browser, page, ids, share, used } = await start({ 'film.mp4': video.bytes })
  const made = await share({ items: ids }, { maxDownloads: 1 })

  await page.goto(made.url)
  await page.getByRole('button', { name: 'Play' }).click()
  await expect.poll(() => page.evaluate(`${VIDEO}?.currentTime ?? 0`)).toBeGreaterThan(0.3)
  const second = await page.evaluate(`new Promise((resolve, reject) => {
    const video = ${VIDEO}
    video.onerror = () => reject(new Error(video.error.message))
    video.onseeked = () => video.requestVideoFrameCallback((_now, { mediaTime }) =>
      resolve(Math.floor(mediaTime)))
    video.currentTime = 50.5
  })`)
  await page.keyboard.press('Escape')
  const bytes = await saved(page, () => page.getByRole('link', { name: 'Download' }).click())
  const stranger = await (await browser.newContext()).newPage()
  const answer = await stranger.goto(made.url)

  expect(second).toBe(50)
  expect(bytes).toEqual(video.bytes)
  expect(await used(made)).toBe(1)
  expect(answer?.status()).toBe(410)
  await stranger.getByText('has been downloaded as often as it may be').waitFor()
})

test('a password is asked for once a visit, and once more when it has changed', async () => {
  const { client, page, share } = await start({ 'words.txt': Buffer.from('some words') })
  const made = await share({ folder: '/Holiday' }, { password: 'right', title: 'Our holiday' })
  const field = page.getByLabel('Password')
  const enter = async (password: string) => {
    await field.fill(password)
    await page.keyboard.press('Enter')
  }

  await page.goto(made.url)
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('password')
  expect(await page.title()).not.toContain('holiday')
  await expectSound(page, 'password')
  await enter('wrong')
  await page.getByText('This is not the password.').waitFor()
  await expectSound(page, 'wrong password')
  await enter('right')
  await page.getByRole('heading', { name: 'Our holiday' }).waitFor()
  await page.reload()
  await page.getByText('words.txt').waitFor()
  await page.getByRole('button', { name: 'Show words.txt' }).click()
  await page.getByRole('dialog').getByText('some words').waitFor()

  await client.shares.change(made.id, { password: 'other' })
  await page.reload()
  await field.waitFor()
  const headers = { 'content-type': 'application/json' }
  const body = JSON.stringify({ password: 'a guess' })
  const guess = () => fetch(`${made.url}/password`, { method: 'POST', headers, body })
  await Promise.all(Array.from({ length: 10 }, guess))
  await enter('other')
  await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/Too many passwords/)
})

test('a folder with names of any script is sound in all sizes and colours, and saved as a whole', async () => {
  const files = {
    [ARABIC]: Buffer.from('نص'),
    [LONG]: randomBytes(2_000),
    'paper.pdf': Buffer.from('%PDF-1.4'),
  }
  const { client, browser, page, ids, share } = await start(files)
  const paper = await openPage(browser, 'A paper')
  const pdf = new File([new Uint8Array(await paper.pdf())], 'inside.pdf')
  await client.upload(pdf, { folder: '/Holiday/Papers' }).done
  const made = await share({ folder: '/Holiday' })

  await page.goto(made.url)
  await page.getByText(ARABIC).waitFor()
  await expectSound(page, 'list')
  const zip = await saved(page, () => page.getByRole('link', { name: 'Download all' }).click())
  expect([...readZip(zip).keys()].sort()).toEqual(
    [...Object.keys(files), 'Papers/inside.pdf'].sort(),
  )

  await page.getByRole('link', { name: /Papers/ }).click()
  await page.getByRole('button', { name: 'Show inside.pdf' }).click()
  await page.locator('dialog iframe').waitFor()
  await expectSound(page, 'viewer')
  await page.keyboard.press('Escape')
  await page.goBack()
  await page.getByText(ARABIC).waitFor()

  const one = await share({ items: [ids[1] ?? 0] })
  await page.goto(one.url)
  await page.getByRole('link', { name: 'Download' }).waitFor()
  await expectSound(page, 'one file')
  await client.shares.end(one.id)
  await page.goto(one.url)
  await page.getByText('This share has ended').waitFor()
})
