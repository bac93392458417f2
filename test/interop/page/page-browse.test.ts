import { readFile } from 'node:fs/promises'
import { Api, InputFile } from 'node-telegram-bot-api'
import type { Page } from 'playwright-core'
import { expect, test } from 'vitest'
import { encodeCaption, newCaptionId } from '../../../src/core/model/caption.ts'
import { readZip } from '../../helpers/callers/read-zip.ts'
import { expectSound } from '../support/appearance.ts'
import { entryIn, makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'

const MANY = 10_000

test('folders are walked by links, by Back, and by the address', async () => {
  const visit = await visitPage()
  const { page, signIn } = visit
  await fillChannel(visit)
  await signIn()
  const title = page.locator('#library-title')

  await entryIn(page, 'Holiday').getByRole('link').click()
  await entryIn(page, 'sea.txt').waitFor()
  await entryIn(page, 'The beach').getByRole('link').click()
  await entryIn(page, 'sand.txt').waitFor()
  expect(await title.textContent()).toBe('The beach')
  expect(await page.evaluate('document.activeElement.id')).toBe('library-title')
  expect(new URL(page.url()).hash).toBe('#/Holiday/The%20beach')
  await expectSound(page, 'folder')

  await page.reload()
  await entryIn(page, 'sand.txt').waitFor()
  await page.getByRole('link', { name: 'Holiday' }).click()
  await entryIn(page, 'sea.txt').waitFor()
  await page.goBack()
  await entryIn(page, 'sand.txt').waitFor()
  await page.goto(`${visit.worker.url}#/gone`)
  await page.getByText('There is no such folder').waitFor()
  await expectSound(page, 'no such folder')
  await page.getByRole('button', { name: 'Show all folders' }).click()
  await entryIn(page, 'top.zip').waitFor()
})

test('a search and a kind look into all folders below, and can be taken back', async () => {
  const visit = await visitPage()
  const { page, signIn } = visit
  await fillChannel(visit)
  await signIn()
  await entryIn(page, 'top.zip').waitFor()

  await page.getByLabel('Search by name').fill('SAND')
  await entryIn(page, 'sand.txt').getByText('in /Holiday/The beach').waitFor()
  await entryIn(page, 'top.zip').waitFor({ state: 'detached' })
  await page.getByLabel('Search by name').fill('nothing of this name')
  await page.getByText('No file here has “nothing of this name” in its name.').waitFor()
  await expectSound(page, 'nothing found')
  await page.getByRole('button', { name: 'Show all files' }).click()
  await entryIn(page, 'top.zip').waitFor()
  await page.getByLabel('Kind').selectOption('Documents')
  await entryIn(page, 'sea.txt').waitFor()
  await entryIn(page, 'top.zip').waitFor({ state: 'detached' })
  await page.goBack()

  await entryIn(page, 'top.zip').waitFor()
})

test('the list is sorted and shown as the user likes, also after a reload', async () => {
  const visit = await visitPage()
  const { page, signIn } = visit
  await fillChannel(visit)
  await signIn()
  await page.goto(`${visit.worker.url}#/Holiday`)
  const names = () => page.locator('.entry-name bdi').allTextContents()

  await page.getByLabel('Order').selectOption('Name, Z to A')
  await expect.poll(names).toEqual(['The beach', 'sea.txt', 'plan.txt'])
  await page.getByLabel('Order').selectOption('Smallest first')
  await expect.poll(names).toEqual(['The beach', 'plan.txt', 'sea.txt'])
  await page.getByRole('button', { name: 'Show as tiles' }).click()
  await page.reload()

  await expect.poll(names).toEqual(['The beach', 'plan.txt', 'sea.txt'])
  expect(await page.locator('.entries.as-tiles').count()).toBe(1)
  await expectSound(page, 'tiles')
})

test('what others post in Telegram appears without a reload', async () => {
  const visit = await visitPage()
  const { page, worker, signIn } = visit
  await signIn()
  await page.getByText('What you upload is listed here').waitFor()

  await fillChannel(visit)
  // The worker looks by itself once a minute; asked to, at once.
  await fetch(`${worker.url}/library/rescan`, {
    method: 'POST',
    headers: { authorization: 'Bearer main' },
  })

  await entryIn(page, 'top.zip').waitFor()
})

test('the viewer goes to the next file and the one before, by buttons and by arrows', async () => {
  const visit = await visitPage()
  const { page, signIn } = visit
  await fillChannel(visit)
  await signIn()
  await page.goto(`${visit.worker.url}#/Holiday`)
  await page.getByLabel('Order').selectOption('Name, A to Z')
  const dialog = page.getByRole('dialog')

  await entryIn(page, 'plan.txt').getByRole('button', { name: 'Show' }).click()
  await dialog.getByText('the plan').waitFor()
  expect(await dialog.getByRole('button', { name: 'Previous' }).isDisabled()).toBe(true)
  await dialog.getByRole('button', { name: 'Next' }).click()
  await dialog.getByText('the sea, the sea').waitFor()
  await expectSound(page, 'viewer with neighbours')
  await page.keyboard.press('ArrowLeft')

  await dialog.getByText('the plan').waitFor()
})

test('several files are selected by mouse and keyboard, and saved at once', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, select } = visit
  await signIn()
  const names = ['1.txt', '2.txt', '3.txt', '4.txt', '5.txt']
  for (const name of names) {
    await choose(await makeFile(folder, name, Buffer.from(name)))
    await entryIn(page, name).waitFor()
  }
  await page.getByRole('button', { name: 'Clear finished' }).click()
  await page.getByLabel('Order').selectOption('Name, A to Z')
  const words = page.locator('.selection-words')

  await select('1.txt')
  await entryIn(page, '3.txt').click({ modifiers: ['Shift'] })
  await expect.poll(() => words.textContent()).toMatch(/^3 selected/)
  await entryIn(page, '5.txt').click()
  await expect.poll(() => words.textContent()).toMatch(/^4 selected/)
  await page.keyboard.press('Escape')
  await words.waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Show as tiles' }).focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Home')
  await page.keyboard.press('Space')
  await page.keyboard.press('Shift+ArrowDown')
  await expect.poll(() => words.textContent()).toBe('2 selected · 10 bytes')

  const [archive] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download', exact: true }).click(),
  ])
  expect(archive.suggestedFilename()).toMatch(/^telestore-20\d\d-\d\d-\d\d\.zip$/)
  const zip = readZip(await readFile(await archive.path()))
  expect([...zip].map(([name, bytes]) => [name, bytes.toString()])).toEqual([
    ...[
      ['1.txt', '1.txt'],
      ['2.txt', '2.txt'],
    ],
  ])
})

test('a finger that rests on an entry selects it, and taps select more', async () => {
  const visit = await visitPage({ context: { hasTouch: true, isMobile: true } })
  const { page, folder, signIn, choose } = visit
  await signIn()
  for (const name of ['one.txt', 'two.txt']) {
    await choose(await makeFile(folder, name, Buffer.from(name)))
    await entryIn(page, name).waitFor()
  }

  await holdFinger(page, 'one.txt')
  await page.getByText('1 selected · 7 bytes').last().waitFor()
  await entryIn(page, 'two.txt').tap()

  await page.getByText('2 selected · 14 bytes').last().waitFor()
  expect(await page.getByRole('dialog').count()).toBe(0)
})

test(`${MANY} files scroll to the end, and only those in sight are drawn`, async () => {
  const visit = await visitPage()
  const { page, signIn } = visit
  await serveMany(page)
  await signIn()
  await entryIn(page, 'file 1').waitFor()
  const cells = page.getByRole('gridcell')

  expect(await cells.count()).toBeLessThan(40)
  await page.getByRole('button', { name: 'Show as tiles' }).focus()
  await page.keyboard.press('Tab')
  await page.keyboard.press('Control+a')
  await expect
    .poll(() => page.locator('.selection-words').textContent())
    .toMatch(new RegExp(`^${MANY} selected`))
  await page.keyboard.press('End')
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toContain(`file ${MANY}`)
  expect(await cells.count()).toBeLessThan(40)
  await page.evaluate('scrollTo(0, 0)')
  await entryIn(page, 'file 1').waitFor()
  // The entry with the focus is scrolled away: the arrows go on from it.
  await page.keyboard.press('ArrowUp')
  await expect
    .poll(() => page.evaluate('document.activeElement.textContent'))
    .toContain(`file ${MANY - 1}`)
  await page.getByRole('button', { name: 'Clear the selection' }).click()
  await page.getByRole('button', { name: 'Show as tiles' }).click()
  expect(await cells.count()).toBeLessThan(150)
})

test('files go into the folder that is open, or on which they are dropped', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose } = visit
  await fillChannel(visit)
  await signIn()
  await entryIn(page, 'Holiday').getByRole('link').click()
  await entryIn(page, 'The beach').waitFor()

  await choose(await makeFile(folder, 'tickets.txt', Buffer.from('two')))
  await entryIn(page, 'tickets.txt').waitFor()
  const transfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['a shell'], 'shell.txt', { type: 'text/plain' }))
    return transfer
  })()`)
  const beach = entryIn(page, 'The beach')
  await beach.dispatchEvent('dragover', { dataTransfer: transfer })
  await page.getByText('Let go to add them to /Holiday/The beach').waitFor()
  await beach.dispatchEvent('drop', { dataTransfer: transfer })
  await visit.upload('shell.txt').getByText('in Holiday/The beach · in Telegram').waitFor()
  await beach.getByRole('link').click()

  await entryIn(page, 'shell.txt').waitFor()
})

test('a file whose folder has one of its name is asked for, and for all others if the user likes', async () => {
  const visit = await visitPage()
  const { page, telegram, folder, signIn, choose, upload } = visit
  await fillChannel(visit)
  await signIn()
  await page.goto(`${visit.worker.url}#/Holiday`)
  await entryIn(page, 'plan.txt').waitFor()
  const plan = await makeFile(folder, 'plan.txt', Buffer.from('another plan'))
  const sea = await makeFile(folder, 'sea.txt', Buffer.from('another sea'))
  const dialog = page.getByRole('dialog')

  await choose(plan)
  await dialog.getByText('has a file named').waitFor()
  await expectSound(page, 'conflict')
  await page.keyboard.press('Escape')
  await upload('plan.txt').getByRole('button', { name: 'Retry' }).click()
  await dialog.getByRole('button', { name: 'Keep both' }).click()
  await entryIn(page, 'plan (2).txt').waitFor()
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(5)
  await choose(plan, sea)
  await dialog.getByLabel('Do the same for all others').check()
  await dialog.getByRole('button', { name: 'Replace' }).click()

  await page.getByText('2 files in Telegram', { exact: true }).waitFor()
  await expect
    .poll(async () => (await telegram.messages(telegram.account.channelId)).length)
    .toBe(5)
  await choose(sea)
  await dialog.getByRole('button', { name: 'Skip this one' }).click()
  await upload('sea.txt').waitFor({ state: 'detached' })
})

/** Folders and files, as another worker would have posted them. */
async function fillChannel({ telegram }: PageVisit): Promise<void> {
  const { account, botApi } = telegram
  const api = new Api(account.botToken ?? '', { apiRoot: botApi.root, maxRetries: 0 })
  const chat_id = account.channelId
  const about = { modifiedAt: null, sha256: null, crc32: null }

  async function postFolder(name: string, folderId: string | null): Promise<string> {
    const id = newCaptionId()
    const text = encodeCaption({ ...about, id, kind: 'folder', folderId, name })
    await api.sendMessage({ chat_id, text })
    return id
  }
  async function postFile(name: string, folderId: string | null, content: string): Promise<void> {
    const document = new InputFile(Buffer.from(content), { filename: name })
    const id = newCaptionId()
    const caption = encodeCaption({ ...about, id, kind: 'file', folderId, name })
    await api.sendDocument({ chat_id, document, caption })
  }

  const holiday = await postFolder('Holiday', null)
  const beach = await postFolder('The beach', holiday)
  await postFile('top.zip', null, 'on top')
  await postFile('sea.txt', holiday, 'the sea, the sea')
  await postFile('plan.txt', holiday, 'the plan')
  await postFile('sand.txt', beach, 'sand')
}

/** Answers in place of the worker, for a channel that would take minutes to fill. */
async function serveMany(page: Page): Promise<void> {
  await page.route('**/library?*', async (route) => {
    const query = new URL(route.request().url()).searchParams
    const from = Number(query.get('cursor') ?? 0)
    const to = Math.min(MANY, from + Number(query.get('limit')))
    const items = Array.from({ length: to - from }, (_, index) => ({
      messageId: from + index + 1,
      fileName: `file ${from + index + 1}`,
      folder: '/',
      size: 1,
      createdAt: '2026-11-29T08:00:00.000Z',
    }))
    const next = to < MANY ? String(to) : null
    await route.fulfill({ json: { items, folders: [], next, sync: { state: 'current' } } })
  })
}

async function holdFinger(page: Page, name: string): Promise<void> {
  const box = await entryIn(page, name).boundingBox()
  const line = await page.context().newCDPSession(page)
  const point = { x: (box?.x ?? 0) + 150, y: (box?.y ?? 0) + 20 }
  await line.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [point] })
  await page.getByRole('group', { name: 'Selection' }).waitFor()
  await line.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
}
