import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { colourAtCentre, openPage, PAGE_TIMEOUT_MS } from '../support/browser.ts'
import { entryIn, makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'
import { bytesFetched } from '../support/served-file.ts'
import { makeVideo } from '../support/video.ts'

/** One pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)
const VIDEO = `document.querySelector('dialog video')`

test('a video plays and seeks in place, and is not fetched as a whole for it', async () => {
  const video = await makeVideo({ seconds: 120, megabitsPerSecond: 4 })
  const visit = await visitPage()
  const { page, telegram } = visit
  await bring(visit, 'film.mp4', video.bytes)
  telegram.counters.reset()

  await visit.entry('film.mp4').getByRole('button', { name: 'Play' }).click()
  await expect.poll(() => page.evaluate(`${VIDEO}?.currentTime ?? 0`)).toBeGreaterThan(0.3)
  const second = await page.evaluate(`new Promise((resolve, reject) => {
    const video = ${VIDEO}
    video.onerror = () => reject(new Error(video.error.message))
    video.onseeked = () => video.requestVideoFrameCallback((_now, { mediaTime }) =>
      resolve(Math.floor(mediaTime)))
    video.currentTime = 110.5
  })`)
  await page.keyboard.press('Escape')

  expect(second).toBe(110)
  expect(bytesFetched(telegram)).toBeLessThan(video.bytes.length)
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  expect(await focusedWords(visit)).toMatch(/^Play film.mp4/)
})

test('a picture, a text and a PDF show in place', async () => {
  const visit = await visitPage()
  const { page, browser } = visit
  const paper = await openPage(browser, '<body style="background: rgb(200, 0, 100)">')
  const pdf = await paper.pdf({ printBackground: true })
  await bring(visit, 'dot.png', PNG)
  await bring(visit, 'words.txt', Buffer.from('grüße aus der Datei'))
  await bring(visit, 'paper.pdf', pdf)

  await visit.entry('dot.png').getByRole('button', { name: 'Show' }).click()
  const width = `document.querySelector('dialog img')?.naturalWidth`
  await expect.poll(() => page.evaluate(width)).toBe(1)
  await page.getByRole('button', { name: 'Close' }).click()

  await visit.entry('words.txt').getByRole('button', { name: 'Show' }).click()
  await page.getByRole('dialog').getByText('grüße aus der Datei').waitFor()
  await page.getByRole('button', { name: 'Close' }).click()

  await visit.entry('paper.pdf').getByRole('button', { name: 'Show' }).click()
  const frame = page.locator('dialog iframe')
  await frame.waitFor()
  await vi.waitFor(async () => {
    expect(await colourAtCentre(await frame.screenshot(), paper)).toEqual([200, 0, 100])
  })
})

test('a copied link opens the file without a token, until links are revoked', async () => {
  const visit = await visitPage({ context: { permissions: ['clipboard-read', 'clipboard-write'] } })
  const { page } = visit
  const bytes = randomBytes(40_000)
  await bring(visit, 'shared.bin', bytes)

  await visit.select('shared.bin')
  await page.getByRole('button', { name: 'Share', exact: true }).click()
  await page.getByLabel('30 days').check()
  await page.getByRole('button', { name: 'Make the link' }).click()
  await page.getByRole('button', { name: 'Copy link' }).click()
  await page.getByText('Copied.').waitFor()
  const link = String(await page.evaluate('navigator.clipboard.readText()'))
  const stranger = await fetch(link)
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByRole('button', { name: 'Shares', exact: true }).click()
  await page.getByText('1 download').waitFor()
  await page.getByRole('button', { name: 'Revoke all links' }).click()
  await page.getByRole('button', { name: 'Revoke them' }).click()
  await page.getByText('none of the links opens anything').waitFor()

  expect(Buffer.from(await stranger.arrayBuffer())).toEqual(bytes)
  expect((await fetch(link)).status).toBe(410)
})

test('several files are shared by one link, and a share is taken back from the list', async () => {
  const visit = await visitPage()
  const { page } = visit
  await bring(visit, 'a.bin', randomBytes(4_000))
  await bring(visit, 'b.bin', randomBytes(5_000))

  for (const name of ['a.bin', 'b.bin']) await visit.select(name)
  await page.getByRole('button', { name: 'Share', exact: true }).click()
  await page.getByLabel('Title').fill('Two files')
  await page.getByRole('button', { name: 'Make the link' }).click()
  const link = await page.getByRole('textbox', { name: 'Link' }).inputValue()
  const listed = await (await fetch(link)).json()
  await page.getByRole('button', { name: 'All shares' }).click()
  await page.getByRole('button', { name: 'End: Two files' }).click()
  await page.getByRole('button', { name: 'End it?: Two files' }).click()
  await page.getByText('ended · 0 downloads').waitFor()

  const total = { files: 2, bytes: 9_000 }
  expect(listed).toMatchObject({ title: 'Two files', total })
  expect((await fetch(link)).status).toBe(410)
})

test('the terms of a share are changed in the list, and what is left alone stays', async () => {
  const visit = await visitPage()
  const { page } = visit
  const bytes = randomBytes(4_000)
  await bring(visit, 'a.bin', bytes)
  await visit.select('a.bin')
  await page.getByRole('button', { name: 'Share', exact: true }).click()
  await page.getByLabel('Title').fill('One file')
  await page.getByLabel('Password').fill('secret')
  await page.getByRole('button', { name: 'Make the link' }).click()
  const link = await page.getByRole('textbox', { name: 'Link' }).inputValue()
  await page.getByRole('button', { name: 'All shares' }).click()

  await page.getByRole('button', { name: 'Change: One file' }).click()
  await page.getByLabel('Title').fill('A file for you')
  await page.getByLabel('Downloads at most').fill('3')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('0 of 3 downloads · password').waitFor()
  expect((await fetch(link)).status).toBe(401)
  await page.getByRole('button', { name: 'Change: A file for you' }).click()
  await page.getByLabel('No password any more').check()
  await page.getByLabel('1 year').check()
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText(/0 of 3 downloads$/).waitFor()

  const opened = await fetch(link)
  expect(Buffer.from(await opened.arrayBuffer()).equals(bytes)).toBe(true)
})

test('the library is there in another browser as well, and shows what is added elsewhere', async () => {
  const visit = await visitPage()
  const { browser, worker } = visit
  await bring(visit, 'everywhere.txt', Buffer.from('here and there'))
  const other = await browser.newPage()
  other.setDefaultTimeout(PAGE_TIMEOUT_MS)
  await other.goto(worker.url)
  await other.getByLabel('Token', { exact: true }).fill('main')
  await other.getByRole('button', { name: 'Sign in' }).click()
  await entryIn(other, 'everywhere.txt').waitFor()

  await bring(visit, 'later.txt', Buffer.from('a little later'))

  await entryIn(other, 'later.txt').waitFor()
})

/** Uploads it, and waits until it is in the list. */
async function bring(visit: PageVisit, name: string, bytes: Buffer): Promise<void> {
  const signedIn = await visit.page.getByRole('heading', { name: 'In Telegram' }).count()
  if (!signedIn) await visit.signIn()
  await visit.choose(await makeFile(await makeTempDir(), name, bytes))
  await visit.entry(name).waitFor()
}

async function focusedWords({ page }: PageVisit): Promise<unknown> {
  return page.evaluate('document.activeElement.textContent')
}
