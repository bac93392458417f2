import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { expectSound } from '../support/appearance.ts'
import { makeFile, visitPage } from '../support/page-visit.ts'

const LONG_NAME =
  'A_name_without_any_space_that_goes_on_for_longer_than_a_phone_is_wide_and_then_a_bit_more.txt'

test('signed out, refused and empty, the page has no fault', async () => {
  const { page, signIn } = await visitPage()

  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await expectSound(page, 'signed out')
  await page.getByLabel('Token', { exact: true }).fill('stranger')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('#token-fault').waitFor()
  await expectSound(page, 'refused')
  await signIn()
  await expectSound(page, 'empty')
})

test('while files are on their way, have failed or were left over, the page has no fault', async () => {
  const visit = await visitPage()
  const { page, telegram, folder, signIn, choose, upload } = visit
  const refusal = { kind: 'error', code: 400, message: 'CHAT_WRITE_FORBIDDEN' } as const
  const rule = telegram.faults.add({ method: 'messages.sendMedia', effect: refusal })
  await signIn()
  await choose(await makeFile(folder, 'refused.bin', randomBytes(1000)))
  await upload('refused.bin').getByRole('button', { name: 'Retry' }).waitFor()
  telegram.faults.remove(rule)
  await choose(await makeFile(folder, LONG_NAME, randomBytes(1000)))
  await visit.entry(LONG_NAME).waitFor()
  const release = await visit.holdChunksAfter(1)
  await choose(await makeFile(folder, 'empty.txt', Buffer.alloc(0)))
  const names = ['busy.bin', 'held.bin', 'third.bin', 'queued.bin']
  const paths = names.map((name) => makeFile(folder, name, randomBytes(12 * MiB)))
  await choose(...(await Promise.all(paths)), await makeFile(folder, 'empty.txt', Buffer.alloc(0)))
  await vi.waitFor(() => expect(visit.chunksTaken).toBeGreaterThan(2))
  await upload('held.bin').getByRole('button', { name: 'Pause' }).click()

  await expectSound(page, 'uploading')
  await page.reload()
  await upload('queued.bin').getByRole('button', { name: 'Choose again' }).waitFor()
  await release()
  await expectSound(page, 'left over')
})

test('the dialogs have no fault', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, entry } = visit
  const open = (name: string) => entry(LONG_NAME).getByRole('button', { name })
  const close = () => page.getByRole('button', { name: 'Close' }).click()
  await signIn()
  await choose(await makeFile(folder, LONG_NAME, Buffer.from('some words\n'.repeat(400))))

  await open('Show').click()
  await page.getByRole('dialog').getByText('some words').waitFor()
  await expectSound(page, 'viewer')
  await close()
  await visit.select(LONG_NAME)
  await expectSound(page, 'selection')
  await page.getByRole('button', { name: 'Details', exact: true }).click()
  await page.getByRole('dialog').getByText('Posted by').waitFor()
  await expectSound(page, 'details')
  await close()
  await page.getByRole('button', { name: 'Share', exact: true }).click()
  await page.getByRole('button', { name: 'Make the link' }).waitFor()
  await expectSound(page, 'terms of a share')
  await page.getByRole('button', { name: 'Make the link' }).click()
  await page.getByRole('dialog').getByLabel('Link', { exact: true }).waitFor()
  await expectSound(page, 'share')
  await page.getByRole('button', { name: 'All shares' }).click()
  await page.getByRole('button', { name: `Link: ${LONG_NAME}` }).click()
  await page.getByRole('dialog').getByLabel('Link', { exact: true }).waitFor()
  await expectSound(page, 'all shares')
  await page.getByRole('button', { name: `Change: ${LONG_NAME}` }).click()
  await page.getByRole('button', { name: 'Save' }).waitFor()
  await expectSound(page, 'changed terms of a share')
  await page.getByRole('button', { name: 'Revoke all links' }).click()
  await expectSound(page, 'revoke')
})

test('everything can be done by the keyboard alone', async () => {
  const { page, folder, choose, entry, upload } = await visitPage()
  const press = async (key: string, times = 1): Promise<void> => {
    for (let time = 0; time < times; time++) await page.keyboard.press(key)
  }
  const focused = () =>
    page.evaluate('document.activeElement.ariaLabel ?? document.activeElement.textContent')
  const key = () => page.evaluate('document.activeElement.dataset.key ?? ""')

  // The field has the focus from the start.
  await expect.poll(() => page.evaluate('document.activeElement.id')).toBe('token')
  await page.keyboard.type('main')
  await press('Enter')
  await expect.poll(focused).toBe('TeleStore')
  await press('Tab', 3)
  await expect.poll(focused).toBe('Choose files')
  await press('Tab')
  await expect.poll(focused).toBe('Choose a folder')
  await choose(await makeFile(folder, 'keys.txt', Buffer.from('by hand')))
  await entry('keys.txt').waitFor()
  // The panel may hear of the end a little later.
  await page.getByRole('button', { name: 'Clear finished' }).waitFor()
  await page.getByRole('heading', { name: 'Uploads' }).focus()
  await press('Tab')
  await expect.poll(focused).toBe('Hide the uploads')
  await press('Tab')
  await expect.poll(focused).toBe('Clear finished')
  await press('Enter')
  await upload('keys.txt').waitFor({ state: 'detached' })

  await page.getByRole('button', { name: 'Show as tiles' }).focus()
  await press('Tab')
  await expect.poll(key).toMatch(/^file /)
  await press('Enter')
  await page.getByRole('dialog').getByText('by hand').waitFor()
  await press('Escape')
  await page.getByRole('dialog').waitFor({ state: 'detached' })
  await expect.poll(key).toMatch(/^file /)
  await press('Space')
  await page.getByText('1 selected').first().waitFor()
  await press('Shift+Tab', 6)
  await expect.poll(focused).toBe('Share')
  await press('Enter')
  await page.getByRole('dialog').getByRole('radio', { name: '1 day' }).focus()
  await press('ArrowRight')
  expect(await page.getByRole('radio', { name: '7 days' }).isChecked()).toBe(true)
  await press('Enter')
  await expect.poll(focused).toBe('Copy link')
})

test('a closed dialog does not take the focus from another element', async () => {
  const { page, folder, signIn, choose, entry } = await visitPage()
  await signIn()
  await choose(await makeFile(folder, 'keys.txt', Buffer.from('by hand')))
  await entry('keys.txt').getByRole('button', { name: 'Show' }).click()
  await page.getByRole('dialog').getByText('by hand').waitFor()

  // Faster than any hand: before the page hears that its dialog is closed.
  await page.evaluate(`{
    document.querySelector('dialog').close()
    document.querySelector('h1').focus()
  }`)
  await page.locator('dialog').waitFor({ state: 'detached' })

  expect(await page.evaluate('document.activeElement.localName')).toBe('h1')
})

test('what changes is said, and each percent is not', async () => {
  const { page, folder, signIn, choose, entry } = await visitPage()
  await signIn()
  await page.evaluate(`{
    window.said = []
    const live = document.querySelector('[aria-live]')
    new MutationObserver(() => window.said.push(live.textContent))
      .observe(live, { childList: true, subtree: true, characterData: true })
  }`)

  await choose(await makeFile(folder, 'told.bin', randomBytes(30 * MiB)))
  await entry('told.bin').waitFor()

  await expect.poll(() => page.evaluate('window.said')).toContain('told.bin is in Telegram')
  const said = (await page.evaluate('window.said')) as string[]
  expect(new Set(said).size).toBeLessThanOrEqual(4)
  expect(said.length).toBeLessThan(10)
})
