import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { entryIn, makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'

const IN_TELEGRAM = /in Telegram/
/** Of 5 MB each. */
const CHUNKS = 6
const BYTES = 28 * MiB

test('after a reload the file is chosen again, and only missing chunks are sent', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, upload } = visit
  const path = await makeFile(folder, 'long.bin', randomBytes(BYTES))
  await signIn()
  const release = await visit.holdChunksAfter(3)
  await choose(path)
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(3))

  await page.reload()
  await upload('long.bin')
    .getByText(/Choose this file again/)
    .waitFor()
  await release()
  await page.setInputFiles('#again', path)

  await upload('long.bin').getByText(IN_TELEGRAM).waitFor()
  expect(visit.chunksTaken).toBe(CHUNKS)
  await expectPosted(visit, 1)
})

test('a file with a handle goes on after a reload by one click', async () => {
  const visit = await visitPage()
  const { page, context, signIn, upload } = visit
  // What the browser's window would give: a real handle, of a file in the page's own folder.
  await context.addInitScript(`window.showOpenFilePicker = async () => {
    const folder = await navigator.storage.getDirectory()
    const handle = await folder.getFileHandle('handy.bin', { create: true })
    if ((await handle.getFile()).size === 0) {
      const file = await handle.createWritable()
      await file.write(new Uint8Array(${BYTES}))
      await file.close()
    }
    return [handle]
  }`)
  await page.reload()
  await signIn()
  const release = await visit.holdChunksAfter(2)
  await page.getByRole('button', { name: 'Choose files' }).click()
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))

  await page.reload()
  await upload('handy.bin')
    .getByText(/Go on, and only what is missing is sent/)
    .waitFor()
  await release()
  await upload('handy.bin').getByRole('button', { name: 'Go on' }).click()

  await upload('handy.bin').getByText(IN_TELEGRAM).waitFor()
  expect(visit.chunksTaken).toBe(CHUNKS)
  await expectPosted(visit, 1)
})

test('a file that was at the worker before a reload goes on into Telegram without being chosen again', async () => {
  const visit = await visitPage()
  const { page, telegram, folder, signIn, choose, upload, entry } = visit
  const held = telegram.faults.add({ method: 'messages.sendMedia', effect: { kind: 'silence' } })
  await signIn()
  await choose(await makeFile(folder, 'sealed.bin', randomBytes(11 * MiB)))
  await page.getByText('You can close this page').waitFor()

  await page.reload()
  const bar = upload('sealed.bin').getByRole('progressbar', { name: /To the worker/ })
  await expect.poll(() => bar.getAttribute('value')).toBe('100')
  telegram.faults.remove(held)
  telegram.faults.cutConnections()

  await entry('sealed.bin').waitFor()
  await expectPosted(visit, 1)
})

test('after a reload a row shows the stored bytes, and then those that the worker reports', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, upload } = visit
  await signIn()
  const lost = await loseAnswerAfter(visit, 3)
  await choose(await makeFile(folder, 'known.bin', randomBytes(BYTES)))
  await vi.waitFor(() => expect([visit.chunksTaken, lost.count]).toEqual([3, 1]))
  await page.waitForFunction(
    `Object.values(localStorage).some((text) => text.includes('"storedBytes":${15 * MiB}'))`,
  )
  const jobs = Promise.withResolvers<void>()
  await page.route('**/jobs?limit=200', (route) => jobs.promise.then(() => route.continue()))

  await page.reload()
  const bar = upload('known.bin').getByRole('progressbar', { name: /To the worker/ })
  // Three chunks of 5 MB out of 28.
  await expect.poll(() => bar.getAttribute('value')).toBe('53')
  jobs.resolve()

  await expect.poll(() => bar.getAttribute('value')).toBe('71')
  await upload('known.bin').getByText('and only what is missing is sent').waitFor()
})

test('a file whose last answer was lost in a reload goes on into Telegram without being chosen again', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, entry } = visit
  await signIn()
  const lost = await loseAnswerAfter(visit, 0)
  await choose(await makeFile(folder, 'whole.bin', randomBytes(3 * MiB)))
  await vi.waitFor(() => expect(lost.count).toBe(1))

  await page.reload()

  await entry('whole.bin').waitFor()
  await expectPosted(visit, 1)
})

test('a row of an upload that the worker has lost asks for the file', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, upload } = visit
  const path = await makeFile(folder, 'gone.bin', randomBytes(BYTES))
  await signIn()
  await visit.holdChunksAfter(2)
  await choose(path)
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))
  await page.context().route('**/jobs?limit=200', (route) => route.fulfill({ json: { jobs: [] } }))

  await page.reload()

  await upload('gone.bin').getByText('Stopped by a reload. Choose this file again').waitFor()
  await expect.poll(() => upload('gone.bin').getByRole('progressbar').count()).toBe(0)
})

test('after a sign-out only the same user finds the upload again', async () => {
  const visit = await visitPage({ env: { AUTH_TOKENS: 'main,another' } })
  const { page, folder, signIn, choose, upload } = visit
  const path = await makeFile(folder, 'left.bin', randomBytes(BYTES))
  await signIn()
  const release = await visit.holdChunksAfter(2)
  await choose(path)
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
  // Only now are the held chunks aborted.
  await page.getByLabel('Token', { exact: true }).waitFor()
  await release()
  await page.getByLabel('Token', { exact: true }).fill('another')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'In Telegram' }).waitFor()
  expect(await page.getByRole('region', { name: 'Uploads' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await signIn()
  await upload('left.bin')
    .getByText(/Choose this file again/)
    .waitFor()
  await page.setInputFiles('#again', path)

  await upload('left.bin').getByText(IN_TELEGRAM).waitFor()
  expect(visit.chunksTaken).toBe(CHUNKS)
})

test('a paused upload sends no chunks, and a resumed one sends the rest', async () => {
  const visit = await visitPage()
  const { folder, signIn, choose, upload } = visit
  await signIn()
  const release = await visit.holdChunksAfter(2)
  await choose(await makeFile(folder, 'calm.bin', randomBytes(BYTES)))
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))

  await upload('calm.bin').getByRole('button', { name: 'Pause' }).click()
  await upload('calm.bin')
    .getByText(/Paused at \d+ %/)
    .waitFor()
  await release()
  const atPause = visit.chunksTaken
  await upload('calm.bin').getByRole('button', { name: 'Resume' }).click()

  await upload('calm.bin').getByText(IN_TELEGRAM).waitFor()
  expect(atPause).toBe(2)
  expect(visit.chunksTaken).toBe(CHUNKS)
})

test('while one file is paused the others are sent', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, upload } = visit
  await signIn()
  const release = await visit.holdChunksAfter(0)
  const names = ['1.bin', '2.bin', '3.bin', '4.bin']
  const paths = names.map((name) => makeFile(folder, name, randomBytes(2 * MiB)))
  await choose(...(await Promise.all(paths)))
  await upload('4.bin').getByText('waiting').waitFor()

  for (const name of names.slice(0, 3)) {
    await upload(name).getByRole('button', { name: 'Pause' }).click()
  }
  await release()

  await upload('4.bin').getByText(IN_TELEGRAM).waitFor()
  expect(
    await upload('1.bin')
      .getByText(/Paused/)
      .count(),
  ).toBe(1)
  await page.getByRole('button', { name: 'Resume all' }).click()
  for (const name of names) await upload(name).getByText(IN_TELEGRAM).waitFor()
})

test('an upload waits for a lost network, and sends no stored chunk again', async () => {
  const visit = await visitPage()
  const { context, folder, signIn, choose, upload } = visit
  await signIn()
  const release = await visit.holdChunksAfter(2)
  await choose(await makeFile(folder, 'brave.bin', randomBytes(BYTES)))
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))

  await context.setOffline(true)
  await release()
  await upload('brave.bin').getByText('Waiting for the network. Nothing is lost').waitFor()
  await context.setOffline(false)

  await upload('brave.bin').getByText(IN_TELEGRAM).waitFor()
  expect(visit.chunksTaken).toBe(CHUNKS)
  await expectPosted(visit, 1)
})

test('a second tab leaves the uploads of the first alone', async () => {
  const visit = await visitPage()
  const { page, context, worker, folder, signIn, choose, upload } = visit
  await page.getByLabel('Keep on this device').check()
  await signIn()
  const release = await visit.holdChunksAfter(1)
  await choose(await makeFile(folder, 'mine.bin', randomBytes(BYTES)))
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(1))

  const second = await context.newPage()
  await second.goto(worker.url)
  await second.getByRole('heading', { name: 'In Telegram' }).waitFor()
  await release()

  await upload('mine.bin').getByText(IN_TELEGRAM).waitFor()
  await entryIn(second, 'mine.bin').waitFor()
  expect(await second.getByRole('region', { name: 'Uploads' }).count()).toBe(0)
})

/** Lets so many chunks pass; of the next one the worker gets the bytes, and the page no answer. */
async function loseAnswerAfter({ page }: PageVisit, count: number): Promise<{ count: number }> {
  const lost = { count: 0 }
  let passed = 0
  await page.route('**/upload-chunk', async (route) => {
    passed++
    if (passed <= count) return route.continue()
    if (passed > count + 1) return
    const answer = await route.fetch()
    expect(answer.status()).toBe(200)
    lost.count++
  })
  return lost
}

async function expectPosted({ telegram }: PageVisit, count: number): Promise<void> {
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(count)
}
