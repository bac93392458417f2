import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { startTelegram } from '../helpers/telegram.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorkerProcess } from '../helpers/worker-process.ts'
import { openBrowser } from './browser.ts'

/** One pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

test('the page sends a file, shows it and saves it, without its token in any address', async () => {
  const { url } = await startWorkerProcess(await startTelegram(), await makeTempDir())
  const page = await (await openBrowser(await makeTempDir())).newPage()
  const faults: string[] = []
  const addresses: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('request', (request) => addresses.push(request.url()))
  await page.goto(url)

  await page.getByLabel('Token').fill('main')
  await page.setInputFiles('input[type=file]', {
    name: 'dot.png',
    mimeType: 'image/png',
    buffer: PNG,
  })
  await page.getByRole('button', { name: 'Show' }).click()
  const shown = page.locator('.player img')
  const width = await shown.evaluate(async (image) => {
    await Reflect.get(image, 'decode').call(image)
    return Reflect.get(image, 'naturalWidth')
  })
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Download' }).click(),
  ])

  expect(width).toBe(1)
  expect(saved.suggestedFilename()).toBe('dot.png')
  expect(await readFile(await saved.path())).toEqual(PNG)
  expect(faults).toEqual([])
  expect(addresses.filter((address) => /token=(?!tkt_)/.test(address))).toEqual([])
})
