import { expect, test } from 'vitest'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker } from '../helpers/worker/app.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './support/browser.ts'

test.each(['light', 'dark'] as const)(
  'the documentation shows and tries out calls, without a fault, %s',
  async (colorScheme) => {
    const { url } = await startWorker()
    const browser = await openBrowser(await makeTempDir())
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } })
    page.setDefaultTimeout(PAGE_TIMEOUT_MS)
    const faults: string[] = []
    const foreign: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => message.type() === 'error' && faults.push(message.text()))
    page.on('request', (request) => {
      if (!request.url().startsWith(url) && !request.url().startsWith('data:')) {
        foreign.push(request.url())
      }
    })
    await page.goto(`${url}/docs`)

    await page.locator('#operations-Service-health').getByRole('button').first().click()
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Execute' }).click()
    const answer = page.locator('.live-responses-table .response .microlight')
    await answer.first().waitFor()
    await page.locator('#operations-Uploads-uploadChunk').getByRole('button').first().click()
    await page.getByText('Index of the chunk, counted from 0.').first().waitFor()

    expect(await answer.first().textContent()).toContain('"status": "ok"')
    expect(await page.locator('html').getAttribute('class')).toBe(
      colorScheme === 'dark' ? 'dark-mode' : null,
    )
    expect(faults).toEqual([])
    expect(foreign).toEqual([])
  },
)
