import { expect, test } from 'vitest'
import { downloadUrl } from '../helpers/callers/client.ts'
import { createFakeGateway } from '../helpers/peers/fake-gateway.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { startWorker, testCredentials } from '../helpers/worker/app.ts'
import { openBrowser, PAGE_TIMEOUT_MS } from './support/browser.ts'

test.each([
  ['light', 375, 'rgb(245, 246, 248)'],
  ['dark', 1280, 'rgb(18, 22, 27)'],
] as const)(
  'a person whose link does not work sees why, in %s colours and %i pixels',
  async (colorScheme, width, background) => {
    const { url } = await startWorker({
      gateway: createFakeGateway(),
      credentials: testCredentials,
      env: { MAX_FAILURES_PER_MINUTE: '1' },
    })
    const browser = await openBrowser(await makeTempDir())
    const page = await browser.newPage({ colorScheme, viewport: { width, height: 700 } })
    page.setDefaultTimeout(PAGE_TIMEOUT_MS)
    const faults: string[] = []
    page.on('pageerror', (error) => faults.push(error.message))
    page.on('console', (message) => {
      // The browser says the status itself.
      if (!/Failed to load resource/.test(message.text())) faults.push(message.text())
    })

    await page.goto(downloadUrl(url, 1, 'wrong'))
    await page.getByRole('heading', { name: 'This link does not work' }).waitFor()
    await page.getByText('The token is not valid.').waitFor()
    await page.goto(downloadUrl(url, 1, 'wrong-again'))
    await page.getByText('Too many refused requests from your address.').waitFor()
    const [again] = await Promise.all([
      page.waitForResponse((response) => response.url().includes('/download')),
      page.getByRole('link', { name: 'Try again' }).click(),
    ])

    expect(again.status()).toBe(429)
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(background)
    expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true)
    expect(faults).toEqual([])
  },
)
