import { randomBytes } from 'node:crypto'
import { mkdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import { expect, test, vi } from 'vitest'
import { KiB, MiB } from '../../../src/lib/units.ts'
import { everyLook } from '../support/appearance.ts'
import { makeFile, type PageVisit, visitPage } from '../support/page-visit.ts'
import { run } from '../support/programs.ts'

const PICTURES = fileURLToPath(new URL('../../../docs/pictures/', import.meta.url))
const LARGEST = 150 * KiB
/** Of the line out, so that bars are seen under way. */
const BYTES_PER_SECOND = 3 * MiB

/** For the README: `PICTURES=1 npm run test:clients -- test/interop/page/page-pictures.test.ts` */
test.runIf(process.env.PICTURES)(
  'pictures of the page',
  async () => {
    await mkdir(PICTURES, { recursive: true })
    const visit = await visitPage()
    const { page, folder, signIn, choose, entry } = visit
    await everyLook(page, (look) => take(page, `sign-in-${look}`))
    await page.setViewportSize({ width: 1280, height: 800 })
    await signIn()
    await choose(
      await makeFile(folder, 'Rental agreement.pdf', randomBytes(800 * KiB)),
      await makeFile(folder, 'Field recording, morning.flac', randomBytes(9 * MiB)),
      await makeFile(folder, 'Packing list.txt', Buffer.from('Tent\nStove\nMap\n')),
    )
    await entry('Field recording, morning.flac').waitFor()
    await choose(await makeFilm(folder))
    await entry('Flight over the fjord.mp4').waitFor({ timeout: 60_000 })
    await page.getByRole('button', { name: 'Clear finished' }).click()

    await showUploads(visit)
    await everyLook(page, (look) => take(page, `uploads-${look}`, false))
    await page.setViewportSize({ width: 1280, height: 800 })
    await page.getByRole('button', { name: 'Pause all' }).click()
    await page.getByRole('button', { name: 'Hide the uploads' }).click()
    await entry('Flight over the fjord.mp4').getByRole('button', { name: 'Play' }).click()
    await page.locator('dialog video').waitFor()
    await page.evaluate(`new Promise((resolve) => {
    const video = document.querySelector('dialog video')
    video.onloadeddata = () => {
      video.pause()
      video.onseeked = resolve
      video.currentTime = 2
    }
  })`)
    await everyLook(page, (look) => take(page, `player-${look}`, false))
  },
  300_000,
)

/** One file on the line, one that Telegram asks to wait with, one paused, and one in the queue. */
async function showUploads(visit: PageVisit): Promise<void> {
  const { page, context, telegram, folder, choose, upload } = visit
  const flood = { kind: 'error', code: 420, message: 'FLOOD_WAIT_45' } as const
  telegram.faults.add({ method: 'messages.sendMedia', effect: flood, times: 1 })
  await choose(await makeFile(folder, 'Site plan.png', randomBytes(4 * MiB)))
  await upload('Site plan.png').getByText('Telegram asks to wait').waitFor()
  const line = await context.newCDPSession(page)
  await line.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 20,
    downloadThroughput: -1,
    uploadThroughput: BYTES_PER_SECOND,
  })
  await choose(
    await makeSparse(folder, 'Concert, both evenings.mkv', 640 * MiB),
    await makeSparse(folder, 'Backup of the photo library.zip', 180 * MiB),
  )
  await vi.waitFor(() => expect(visit.chunksTaken).toBeGreaterThan(12))
  await upload('Backup of the photo library.zip').getByRole('button', { name: 'Pause' }).click()
  await vi.waitFor(() => expect(visit.chunksTaken).toBeGreaterThan(18))
}

async function take(page: Page, name: string, fullPage = true): Promise<void> {
  const path = join(PICTURES, `${name}.png`)
  await page.screenshot({ path, fullPage, animations: 'disabled' })
  expect((await stat(path)).size).toBeLessThan(LARGEST)
}

async function makeSparse(folder: string, name: string, bytes: number): Promise<string> {
  const path = await makeFile(folder, name, Buffer.alloc(0))
  await truncate(path, bytes)
  return path
}

async function makeFilm(folder: string): Promise<string> {
  const path = join(folder, 'Flight over the fjord.mp4')
  const colours = 'c0=0x0b2545:c1=0x3d7ebf:c2=0xf2c6a0:nb_colors=3'
  const picture = `gradients=size=1280x720:${colours}:x0=0:y0=0:x1=0:y1=719:speed=0.00001`
  const film = ['-f', 'lavfi', '-i', picture, '-t', '4', '-c:v', 'libx264', '-preset', 'veryfast']
  await run('ffmpeg', ['-v', 'error', ...film, '-pix_fmt', 'yuv420p', path], { home: folder })
  return path
}
