import { expect, test } from 'vitest'
import { expectSound } from '../support/appearance.ts'
import { entryIn, makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'

test('a file is renamed in its place, by mouse and by keyboard', async () => {
  const visit = await visitPage()
  const { page, telegram, select } = visit
  await bring(visit, 'old.txt')

  await select('old.txt')
  await page.getByRole('button', { name: 'Rename' }).click()
  const field = page.getByLabel('New name of old.txt')
  await field.waitFor()
  await expectSound(page, 'renaming')
  // The name is selected without its ending.
  await page.keyboard.type('new')
  await page.keyboard.press('Enter')
  await entryIn(page, 'new.txt').waitFor()
  await entryIn(page, 'new.txt').focus()
  await page.keyboard.press('F2')
  await page.getByLabel('New name of new.txt').waitFor()
  await page.keyboard.type('other')
  await page.keyboard.press('Escape')

  await entryIn(page, 'new.txt').waitFor()
  const [message] = await telegram.messages(telegram.account.channelId)
  expect(message?.caption).toContain('name=new%2Etxt')
})

test('a deleted file is gone at once, comes back by Undo, and is deleted in Telegram after a while', async () => {
  const visit = await visitPage()
  const { page, select } = visit
  await bring(visit, 'regretted.txt')

  await select('regretted.txt')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await entryIn(page, 'regretted.txt').waitFor({ state: 'detached' })
  await expectSound(page, 'undo')
  await page.getByRole('button', { name: 'Undo' }).click()
  await entryIn(page, 'regretted.txt').waitFor()
  expect(await posts(visit)).toBe(1)
  await entryIn(page, 'regretted.txt').focus()
  await page.keyboard.press('Delete')
  await page.getByRole('button', { name: 'Delete now' }).click()

  await expect.poll(() => posts(visit)).toBe(0)
  await page.getByText('What you upload is listed here').waitFor()
})

test('a page that is left deletes what waits for its Undo', async () => {
  const visit = await visitPage()
  const { page, select } = visit
  await bring(visit, 'unwanted.txt')
  await select('unwanted.txt')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Undo' }).waitFor()

  await page.goto('about:blank')

  await expect.poll(() => posts(visit)).toBe(0)
})

test('files are moved by a dialog, and by dragging them on a folder and back', async () => {
  const visit = await visitPage()
  const { page, select } = visit
  await bring(visit, 'one.txt', 'two.txt', 'three.txt')
  await page.getByRole('button', { name: 'New folder' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Holiday')
  await expectSound(page, 'new folder')
  await page.keyboard.press('Enter')
  await entryIn(page, 'Holiday').waitFor()

  await select('one.txt')
  await select('two.txt')
  await page.getByRole('button', { name: 'Move', exact: true }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Holiday' }).click()
  await page.getByText('There is no folder in this one.').waitFor()
  await expectSound(page, 'move')
  await page.getByRole('button', { name: 'Move here' }).click()
  await entryIn(page, 'two.txt').waitFor({ state: 'detached' })
  await entryIn(page, 'Holiday').getByText('2 files').waitFor()
  await entryIn(page, 'three.txt').dragTo(entryIn(page, 'Holiday'))
  await entryIn(page, 'Holiday').getByText('3 files').waitFor()
  await entryIn(page, 'Holiday').getByRole('link').click()
  await entryIn(page, 'one.txt').waitFor()
  await entryIn(page, 'one.txt').dragTo(page.getByRole('link', { name: 'In Telegram' }))
  await entryIn(page, 'one.txt').waitFor({ state: 'detached' })
  await page.goBack()

  await entryIn(page, 'one.txt').waitFor()
})

test('a folder is renamed and deleted with all that is in it', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, select } = visit
  await signIn()
  await page.goto(`${visit.worker.url}#/Trip`)
  await choose(await makeFile(folder, 'map.txt', Buffer.from('north')))
  await entryIn(page, 'map.txt').waitFor()
  await page.goto(`${visit.worker.url}#/`)
  await entryIn(page, 'Trip').waitFor()

  await select('Trip')
  await page.getByRole('button', { name: 'Rename' }).click()
  await page.keyboard.type('Voyage')
  await page.keyboard.press('Enter')
  await entryIn(page, 'Voyage').getByText('1 file').waitFor()
  await select('Voyage')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete now' }).click()

  await expect.poll(() => posts(visit)).toBe(0)
})

test('a change that Telegram refuses is told, and the list stays as it is there', async () => {
  const visit = await visitPage()
  const { page, telegram, select } = visit
  await bring(visit, 'stubborn.txt')
  const effect = { kind: 'error', code: 400, message: 'CHAT_ADMIN_REQUIRED' } as const
  telegram.faults.add({ method: 'channels.deleteMessages', effect })
  telegram.faults.add({ method: 'deleteMessages', effect })
  telegram.faults.add({ method: 'deleteMessage', effect })

  await select('stubborn.txt')
  await page.getByRole('button', { name: 'Delete', exact: true }).click()
  await page.getByRole('button', { name: 'Delete now' }).click()

  await page.locator('.notice.fault').waitFor()
  await entryIn(page, 'stubborn.txt').waitFor()
})

/** Signs in and uploads small files, one after another. */
async function bring(visit: PageVisit, ...names: string[]): Promise<void> {
  const { page, folder, signIn, choose } = visit
  await signIn()
  for (const name of names) {
    await choose(await makeFile(folder, name, Buffer.from(name)))
    await entryIn(page, name).waitFor()
  }
  await page.getByRole('button', { name: 'Clear finished' }).click()
}

async function posts({ telegram }: PageVisit): Promise<number> {
  const messages = await telegram.messages(telegram.account.channelId)
  return messages.filter(({ size }) => (size ?? 0) > 0).length
}
