import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../src/lib/units.ts'
import { makeFile, type PageVisit, visitPage } from './page-visit.ts'

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

test('what was all at the worker before a reload goes on into Telegram without its file', async () => {
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

test('whoever signs out finds the upload again, and nobody else does', async () => {
  const visit = await visitPage({ env: { AUTH_TOKENS: 'main,another' } })
  const { page, folder, signIn, choose, upload } = visit
  const path = await makeFile(folder, 'left.bin', randomBytes(BYTES))
  await signIn()
  const release = await visit.holdChunksAfter(2)
  await choose(path)
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(2))

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click()
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

test('a pause holds the chunks back, and going on sends the rest', async () => {
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

test('while one file is paused the others have their turn', async () => {
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

test('a lost network is waited for, and nothing that arrived is sent again', async () => {
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
  await second.getByRole('heading', { name: 'mine.bin' }).waitFor()
  expect(await second.getByRole('region', { name: 'Uploads' }).count()).toBe(0)
})

async function expectPosted({ telegram }: PageVisit, count: number): Promise<void> {
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(count)
}
