import { randomBytes } from 'node:crypto'
import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { entryIn, makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'

const BYTES = 28 * MiB

test('a second tab does not ask for the token, and no tab stores it for longer', async () => {
  const { page, context, worker, signIn } = await visitPage()
  await signIn()

  const second = await openTab(context, worker.url)
  await signedIn(second).waitFor()
  expect(await tokensIn(second)).toEqual({ session: 'main', local: null })
  await page.close()
  await second.reload()
  await signedIn(second).waitFor()
  await second.close()
  const third = await openTab(context, worker.url)

  await third.getByLabel('Token', { exact: true }).waitFor()
  expect(await tokensIn(third)).toEqual({ session: null, local: null })
})

test('signing in in one tab lets the others in that ask for the token', async () => {
  const { context, worker, signIn } = await visitPage()
  const second = await openTab(context, worker.url)
  await second.getByLabel('Token', { exact: true }).waitFor()

  await signIn()

  await signedIn(second).waitFor()
})

test('signing out in one tab signs all out, also one that was away', async () => {
  const { page, context, worker, signIn } = await visitPage()
  await signIn()
  const second = await openTab(context, worker.url)
  await signedIn(second).waitFor()
  const away = await openTab(context, worker.url)
  await signedIn(away).waitFor()
  await away.goto('about:blank')

  await second.getByRole('button', { name: 'Sign out' }).click()

  await page.getByLabel('Token', { exact: true }).waitFor()
  await away.goto(worker.url)
  await away.getByLabel('Token', { exact: true }).waitFor()
  for (const tab of [page, second, away]) {
    expect(await tokensIn(tab)).toEqual({ session: null, local: null })
  }
  await signIn()
  await signedIn(away).waitFor()
})

test('a token kept on the device is gone from all tabs as well', async () => {
  const { page, context, worker, signIn } = await visitPage()
  await page.getByLabel('Keep on this device').check()
  await signIn()
  const second = await openTab(context, worker.url)
  await signedIn(second).waitFor()

  await second.getByRole('button', { name: 'Sign out' }).click()

  await page.getByLabel('Token', { exact: true }).waitFor()
  await page.reload()
  await page.getByLabel('Token', { exact: true }).waitFor()
  expect(await tokensIn(page)).toEqual({ session: null, local: null })
})

test('a refused token is asked for once, and the uploads of both tabs go on', async () => {
  const visit = await visitPage()
  const { page, context, worker, signIn, choose, upload } = visit
  await signIn()
  const second = await openTab(context, worker.url)
  await signedIn(second).waitFor()
  await context.route('**/init-upload', (route) =>
    route.fulfill({ status: 401, json: { error: 'The token has expired', code: 'TOKEN_REFUSED' } }),
  )
  await choose(await makeFile(visit.folder, 'one.bin', randomBytes(MiB)))
  await second.setInputFiles('#files', await makeFile(visit.folder, 'two.bin', randomBytes(MiB)))
  for (const tab of [page, second]) {
    await tab.getByRole('heading', { name: 'Sign in again' }).waitFor()
  }

  await context.unroute('**/init-upload')
  await signIn()

  await upload('one.bin').getByText('in Telegram').waitFor()
  await second.getByText('1 file in Telegram', { exact: true }).waitFor()
})

test('two tabs send at once, and signing out asks first for both', async () => {
  const visit = await visitPage()
  const { page, context, worker, signIn, choose, upload } = visit
  await signIn()
  const second = await openTab(context, worker.url)
  await signedIn(second).waitFor()
  const paths = [await file(visit, 'one.bin'), await file(visit, 'two.bin')]
  const release = await holdChunks(visit)
  await choose(paths[0] ?? '')
  await second.setInputFiles('#files', paths[1] ?? '')
  await second.getByRole('heading', { name: 'two.bin' }).waitFor()
  await upload('one.bin').getByRole('progressbar').first().waitFor()
  await second.getByRole('progressbar').first().waitFor()

  await page.getByRole('button', { name: 'Sign out' }).click()
  const question = page.getByRole('dialog')
  await question.getByText('2 uploads stop, 1 of them in other tabs.').waitFor()
  await question.getByRole('button', { name: 'Stay' }).click()
  await release()

  await upload('one.bin').getByText('in Telegram').waitFor()
  await second.getByText('1 file in Telegram', { exact: true }).waitFor()
})

test('a tab that is a copy of another leaves the uploads of that one alone', async () => {
  const visit = await visitPage()
  const { page, context, signIn, choose, upload } = visit
  await signIn()
  const release = await holdChunks(visit)
  await choose(await file(visit, 'mine.bin'))
  await upload('mine.bin').getByRole('progressbar').first().waitFor()

  // A window that a page opens begins with a copy of what that one keeps for its tab.
  const [copy] = await Promise.all([
    context.waitForEvent('page'),
    page.evaluate('void window.open(location.href)'),
  ])
  await signedIn(copy).waitFor()
  const nameOf = (tab: Page) => tab.evaluate("sessionStorage.getItem('telestore-page:tab')")
  const name = await nameOf(page)
  await vi.waitFor(async () => expect(await nameOf(copy)).not.toBe(name))
  expect(await copy.getByRole('region', { name: 'Uploads' }).count()).toBe(0)
  await release()

  await upload('mine.bin').getByText('in Telegram').waitFor()
  await entryIn(copy, 'mine.bin').waitFor()
})

async function openTab(context: PageVisit['context'], url: string): Promise<Page> {
  const tab = await context.newPage()
  await tab.goto(url)
  return tab
}

function signedIn(tab: Page) {
  return tab.getByRole('heading', { name: 'Add files and folders' })
}

function tokensIn(tab: Page): Promise<unknown> {
  return tab.evaluate(`({
    session: sessionStorage.getItem('telestore-page:token'),
    local: localStorage.getItem('telestore-page:token'),
  })`)
}

async function file({ folder }: PageVisit, name: string): Promise<string> {
  return makeFile(folder, name, randomBytes(BYTES))
}

/** Of all tabs, until the returned function is called. */
async function holdChunks({ context }: PageVisit): Promise<() => Promise<void>> {
  const release = Promise.withResolvers<void>()
  await context.route('**/upload-chunk', async (route) => {
    await release.promise
    await route.continue().catch(() => {})
  })
  return async () => {
    release.resolve()
    await context.unroute('**/upload-chunk')
  }
}
