import { randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { expectSound } from '../support/appearance.ts'
import { makeFile, visitPage } from '../support/page-visit.ts'

const MANY = 300

test('hundreds of files stay a page that can be used, and all can be cancelled', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose } = visit
  const uploads = page.getByRole('region', { name: 'Uploads' })
  await signIn()
  await visit.holdChunksAfter(0)
  const names = Array.from({ length: MANY }, (_, index) => `${index}.txt`)
  const paths = names.map((name) => makeFile(folder, name, Buffer.from(name)))
  await choose(...(await Promise.all(paths)))
  await uploads.getByText(`0 of ${MANY} files in Telegram`).waitFor()

  const title = page.getByRole('heading', { name: 'In Telegram' })
  const place = await title.boundingBox()
  await uploads.getByText(`${MANY - 3} files waiting`).waitFor()
  expect(await uploads.getByRole('listitem').count()).toBe(3)
  await uploads.getByRole('button', { name: 'Show them' }).click()
  expect(await uploads.getByRole('listitem').count()).toBe(53)
  await uploads.getByRole('button', { name: 'Show more of 247 others' }).click()
  await uploads.getByRole('button', { name: 'Show more of 197 others' }).waitFor()
  expect(await title.boundingBox()).toEqual(place)
  await uploads.getByRole('button', { name: 'Hide the uploads' }).click()
  await expectSound(page, 'folded uploads')
  await uploads.getByRole('button', { name: 'Show the uploads' }).click()
  await uploads.getByRole('button', { name: 'Cancel all' }).click()
  await expectSound(page, 'question')
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel all of them' }).click()

  await uploads.waitFor({ state: 'detached' })
  await page.reload()
  await page.getByRole('heading', { name: 'In Telegram' }).waitFor()
  expect(await uploads.count()).toBe(0)
})

test('many finished files are folded up', async () => {
  const { page, folder, signIn, choose, upload } = await visitPage()
  await signIn()
  const names = ['1', '2', '3', '4', '5', '6'].map((name) => `${name}.txt`)
  await choose(...(await Promise.all(names.map((name) => makeFile(folder, name, randomBytes(9))))))

  const show = page.getByRole('button', { name: 'Show them' })
  await show.waitFor()
  expect(await upload('6.txt').count()).toBe(0)
  await show.click()

  await upload('6.txt').waitFor()
})

test('a failed download is shown as well as announced', async () => {
  const { page, folder, signIn, choose, entry } = await visitPage()
  await signIn()
  await choose(await makeFile(folder, 'wanted.txt', Buffer.from('dear')))
  await page.route('**/tickets', (route) =>
    route.fulfill({ status: 503, json: { error: 'Telegram is away', code: 'TELEGRAM_DOWN' } }),
  )

  await entry('wanted.txt').getByRole('button', { name: 'Download' }).click()

  await page.locator('.notice').getByText('Telegram is away').waitFor()
  // It stays while the pointer or the focus is on it.
  await page.getByRole('button', { name: 'Dismiss' }).focus()
  await expectSound(page, 'notice')
  await page.getByRole('button', { name: 'Dismiss' }).click()
  expect(await page.locator('.notice').count()).toBe(0)
})

test('a file that is dropped before the sign-in does not replace the page', async () => {
  const { page } = await visitPage()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()

  const wasStopped = await page.evaluate(`(() => {
    const dataTransfer = new DataTransfer()
    dataTransfer.items.add(new File(['lost'], 'lost.txt'))
    const drop = new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true })
    return !document.body.dispatchEvent(drop)
  })()`)

  expect(wasStopped).toBe(true)
})

test('a file that is pasted goes up, and the screen stays on for it', async () => {
  const visit = await visitPage()
  const { page, context, signIn, entry } = visit
  await context.addInitScript(`{
    window.locks = []
    const request = navigator.wakeLock.request.bind(navigator.wakeLock)
    navigator.wakeLock.request = async (kind) => {
      window.locks.push(await request(kind))
      return window.locks.at(-1)
    }
  }`)
  await page.reload()
  await signIn()
  const release = await visit.holdChunksAfter(1)

  await paste(page, 'pasted.bin', 12 * MiB)

  await vi.waitFor(() => expect(visit.chunksTaken).toBe(1))
  await expect.poll(() => page.evaluate('locks.map(({ released }) => released)')).toEqual([false])
  await release()
  await entry('pasted.bin').waitFor()
  await expect.poll(() => page.evaluate('locks.map(({ released }) => released)')).toEqual([true])
})

async function paste(page: Page, name: string, bytes: number): Promise<void> {
  await page.evaluate(`{
    const clipboardData = new DataTransfer()
    clipboardData.items.add(new File([new Uint8Array(${bytes})], '${name}'))
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, cancelable: true }))
  }`)
}

test('scripts and styles come compressed to clients that accept it', async () => {
  const { page, worker } = await visitPage()
  const script = await page.locator('script[src]').getAttribute('src')
  const ask = (encoding: string) =>
    fetch(new URL(`${script}`, worker.url), { headers: { 'accept-encoding': encoding } })

  const packed = await ask('br')
  const plain = await ask('identity')

  expect(packed.headers.get('content-encoding')).toBe('br')
  expect(packed.headers.get('vary')).toMatch(/accept-encoding/i)
  expect(packed.headers.get('cache-control')).toContain('immutable')
  expect(plain.headers.get('content-encoding')).toBeNull()
  expect(await packed.text()).toBe(await plain.text())
})
