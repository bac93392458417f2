import { randomBytes } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { MiB } from '../../../src/lib/units.ts'
import { postJson } from '../../helpers/callers/client.ts'
import { makeFile, visitPage } from '../support/page-visit.ts'

const IN_TELEGRAM = /in Telegram/

test('several files go up at once, and come back as they were', async () => {
  const { page, telegram, folder, signIn, choose, upload, entry } = await visitPage()
  const bytes = {
    'one.bin': randomBytes(11 * MiB),
    'two.bin': randomBytes(300),
    'three.bin': randomBytes(6 * MiB),
  }
  await signIn()

  const paths = Object.entries(bytes).map(([name, content]) => makeFile(folder, name, content))
  await choose(...(await Promise.all(paths)))

  for (const name of Object.keys(bytes)) await upload(name).getByText(IN_TELEGRAM).waitFor()
  const [saved] = await Promise.all([
    page.waitForEvent('download'),
    entry('one.bin').getByRole('button', { name: 'Download' }).click(),
  ])
  expect(saved.suggestedFilename()).toBe('one.bin')
  expect(await readFile(await saved.path())).toEqual(bytes['one.bin'])
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(3)
  await page.getByRole('button', { name: 'Clear finished' }).click()
  await upload('one.bin').waitFor({ state: 'detached' })
  await entry('three.bin').waitFor()
})

test('a folder goes up with all that is below it', async () => {
  const { page, telegram, folder, signIn, upload } = await visitPage()
  await mkdir(join(folder, 'holiday', 'beach'), { recursive: true })
  await makeFile(join(folder, 'holiday'), 'plan.txt', randomBytes(50))
  await makeFile(join(folder, 'holiday', 'beach'), 'sea.bin', randomBytes(500))
  for (const name of ['.DS_Store', '._plan.txt', 'Thumbs.db', 'desktop.ini']) {
    await makeFile(join(folder, 'holiday', 'beach'), name, randomBytes(5))
  }
  await signIn()

  await page.setInputFiles('#folder', join(folder, 'holiday'))

  await upload('plan.txt').getByText('in holiday · in Telegram').waitFor()
  await upload('sea.bin').getByText('in holiday/beach · in Telegram').waitFor()
  await page.getByText('4 files left out that systems keep for themselves').first().waitFor()
  expect(await telegram.messages(telegram.account.channelId)).toHaveLength(2)
})

test('a file that systems keep for themselves is left out where it is dropped alone', async () => {
  const visit = await visitPage()
  const { page, folder, signIn, choose, upload } = visit
  await signIn()

  await choose(await makeFile(folder, 'Thumbs.db', randomBytes(5)))

  const words = page.getByRole('region', { name: 'Uploads' }).getByText('1 file left out')
  await words.waitFor()
  expect(await page.getByRole('heading', { name: 'Thumbs.db' }).count()).toBe(0)
  await page.getByRole('button', { name: 'Dismiss' }).click()
  await words.waitFor({ state: 'detached' })
  await choose(await makeFile(folder, 'meant.txt', randomBytes(5)))
  await upload('meant.txt').getByText(IN_TELEGRAM).waitFor()
})

test('files that are dropped on the page go up', async () => {
  const { page, signIn, upload } = await visitPage()
  await signIn()

  const transfer = await page.evaluateHandle(`(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['a drop'], 'dropped.txt', { type: 'text/plain' }))
    return transfer
  })()`)
  await page.dispatchEvent('main', 'dragover', { dataTransfer: transfer })
  await page.getByText('Let go to add them').waitFor()
  await page.dispatchEvent('main', 'drop', { dataTransfer: transfer })

  await upload('dropped.txt').getByText(IN_TELEGRAM).waitFor()
})

test('an empty file and one that is too large are refused before a byte is sent', async () => {
  const visit = await visitPage({ env: { MAX_FILE_SIZE: '1MB' } })
  const { page, folder, signIn, choose } = visit
  await signIn()

  await choose(
    await makeFile(folder, 'empty.txt', Buffer.alloc(0)),
    await makeFile(folder, 'large.bin', randomBytes(2 * MiB)),
  )

  const refusals = page.getByRole('region', { name: 'Uploads' }).locator('.refusals')
  await refusals.getByText('empty.txt is empty. Telegram takes no empty files.').waitFor()
  await refusals.getByText('large.bin is larger than 1 MB').waitFor()
  expect(visit.chunksTaken).toBe(0)
})

test('a cancelled upload is gone here and at the worker', async () => {
  const visit = await visitPage()
  const { page, worker, folder, signIn, choose, upload } = visit
  await signIn()
  await visit.holdChunksAfter(1)
  const opened = page.waitForRequest('**/init-upload')
  await choose(await makeFile(folder, 'unwanted.bin', randomBytes(20 * MiB)))
  const { uploadId } = (await opened).postDataJSON()
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(1))

  const cancel = upload('unwanted.bin').getByRole('button', { name: 'Cancel' })
  await cancel.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Keep it' }).click()
  await cancel.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the upload' }).click()

  await upload('unwanted.bin').waitFor({ state: 'detached' })
  await vi.waitFor(async () => {
    const status = await fetch(`${worker.url}/upload-status/${uploadId}`)
    expect(await status.json()).toMatchObject({ error: 'Upload failed: it was cancelled' })
  })
  await page.reload()
  await page.getByRole('heading', { name: 'In Telegram' }).waitFor()
  expect(await upload('unwanted.bin').count()).toBe(0)
})

test('an upload that another tab cancels stops, says so, and can be added again', async () => {
  const visit = await visitPage()
  const { page, worker, folder, signIn, choose, upload, entry } = visit
  await signIn()
  const release = await visit.holdChunksAfter(1)
  const opened = page.waitForRequest('**/init-upload')
  await choose(await makeFile(folder, 'shared.bin', randomBytes(20 * MiB)))
  const { uploadId } = (await opened).postDataJSON()
  await vi.waitFor(() => expect(visit.chunksTaken).toBe(1))

  await postJson(`${worker.url}/cancel-upload`, { uploadId })

  await upload('shared.bin').getByText('The upload was cancelled. Add the file again').waitFor()
  await release()
  const reopened = page.waitForRequest('**/init-upload')
  await upload('shared.bin').getByRole('button', { name: 'Add again' }).click()
  expect((await reopened).postDataJSON().uploadId).not.toBe(uploadId)
  await entry('shared.bin').waitFor()
})

test('an upload that Telegram refused says why, and goes through when it is tried again', async () => {
  const { telegram, folder, signIn, choose, upload } = await visitPage()
  const refusal = { kind: 'error', code: 400, message: 'CHAT_WRITE_FORBIDDEN' } as const
  const rule = telegram.faults.add({ method: 'messages.sendMedia', effect: refusal })
  await signIn()
  await choose(await makeFile(folder, 'stubborn.bin', randomBytes(MiB)))
  const retry = upload('stubborn.bin').getByRole('button', { name: 'Retry' })
  await retry.waitFor()
  const sentence = await upload('stubborn.bin').locator('.sentence').textContent()

  telegram.faults.remove(rule)
  await retry.click()

  await upload('stubborn.bin').getByText(IN_TELEGRAM).waitFor()
  expect(sentence).toMatch(/channel|write|post/i)
})

test('when Telegram asks to wait its words are shown, and then it goes on', async () => {
  const { telegram, folder, signIn, choose, upload } = await visitPage()
  const flood = { kind: 'error', code: 420, message: 'FLOOD_WAIT_10' } as const
  // At the end, where nothing else happens that could be told instead.
  telegram.faults.add({ method: 'messages.uploadMedia', effect: flood, times: 1 })
  await signIn()

  await choose(await makeFile(folder, 'patient.bin', randomBytes(12 * MiB)))

  await upload('patient.bin')
    .getByText(/Telegram asks to wait \d+ s/)
    .waitFor()
  await upload('patient.bin').getByText(IN_TELEGRAM).waitFor()
})

test('what one user has begun does not go into the channel of the user that signs in next', async () => {
  const visit = await visitPage({ env: { AUTH_TOKENS: 'main,another' } })
  const { page, folder, signIn, choose, upload } = visit
  await signIn()
  await page.route('**/init-upload', (route) =>
    route.fulfill({ status: 401, json: { error: 'The token has expired', code: 'TOKEN_REFUSED' } }),
  )
  await choose(await makeFile(folder, 'mine.bin', randomBytes(MiB)))
  await upload('mine.bin').getByText('Sign in again to go on').waitFor()
  await page.unroute('**/init-upload')

  await page.getByLabel('Token', { exact: true }).fill('another')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'In Telegram' }).waitFor()

  expect(await page.getByRole('region', { name: 'Uploads' }).count()).toBe(0)
  expect(visit.chunksTaken).toBe(0)
})

test('a refused token asks again and loses nothing', async () => {
  const { page, worker, folder, signIn, choose, upload } = await visitPage()
  await page.getByLabel('Token', { exact: true }).fill('stranger')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('#token-fault').waitFor()
  await signIn()
  await page.route('**/init-upload', (route) =>
    route.fulfill({ status: 401, json: { error: 'The token has expired', code: 'TOKEN_REFUSED' } }),
  )

  await choose(await makeFile(folder, 'kept.bin', randomBytes(MiB)))
  await page.getByRole('heading', { name: 'Sign in again' }).waitFor()
  await upload('kept.bin').getByText('Sign in again to go on').waitFor()
  await page.unroute('**/init-upload')
  await signIn()

  await upload('kept.bin').getByText(IN_TELEGRAM).waitFor()
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.evaluate('JSON.stringify([localStorage, sessionStorage])')).not.toContain(
    'main',
  )
  expect(worker.alive).toBe(true)
})
