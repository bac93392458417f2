import { expect, test } from 'vitest'
import { assertThumbnail } from '../../../src/core/model/thumbnail.ts'
import { makeFile, visitPage } from '../support/page-visit.ts'
import { makeVideo } from '../support/video.ts'

const IN_TELEGRAM = /in Telegram/

test('a picture goes up with a thumbnail that the page has drawn, and others go without', async () => {
  const visit = await visitPage()
  const { page, worker, folder, signIn, choose, upload } = visit
  await signIn()
  // 2000 x 1000 pixels of noise, as a camera has them.
  const png = await page.evaluate(`(async () => {
    const canvas = new OffscreenCanvas(2000, 1000)
    const context = canvas.getContext('2d')
    for (let x = 0; x < 2000; x += 4) {
      context.fillStyle = 'hsl(' + (x * 7) % 360 + ' 90% 50%)'
      context.fillRect(x, 0, 4, 1000)
    }
    const blob = await canvas.convertToBlob({ type: 'image/png' })
    return Array.from(new Uint8Array(await blob.arrayBuffer()))
  })()`)
  const bodies = new Map<string, { thumbnail?: string }>()
  page.on('request', (request) => {
    if (!request.url().endsWith('/init-upload')) return
    const body = request.postDataJSON()
    bodies.set(body.fileName, body)
  })

  await choose(
    await makeFile(folder, 'photo.png', Buffer.from(png as number[])),
    await makeFile(folder, 'broken.jpg', Buffer.from('no picture')),
    await makeFile(folder, 'note.txt', Buffer.from('a note')),
  )

  for (const name of ['photo.png', 'broken.jpg', 'note.txt']) {
    await upload(name).getByText(IN_TELEGRAM).waitFor()
  }
  const thumbnail = Buffer.from(bodies.get('photo.png')?.thumbnail ?? '', 'base64')
  expect(() => assertThumbnail(thumbnail)).not.toThrow()
  const headers = { authorization: 'Bearer main' }
  const { items } = await (await fetch(`${worker.url}/library`, { headers })).json()
  expect(
    items.map(({ fileName, thumbnail }: Record<string, unknown>) => [fileName, thumbnail]),
  ).toEqual([
    ['broken.jpg', false],
    ['note.txt', false],
    ['photo.png', true],
  ])
  const shown = await fetch(`${worker.url}/library/${items[2].messageId}/thumbnail`, { headers })
  expect(Buffer.from(await shown.arrayBuffer()).equals(thumbnail)).toBe(true)
  // The library shows it, and nothing for the others.
  const pictures = page.locator('.entries img')
  await pictures.first().waitFor()
  expect(await pictures.count()).toBe(1)
  const width = await page.evaluate(`(async () => {
    const picture = document.querySelector('.entries img')
    await picture.decode()
    return picture.naturalWidth
  })()`)
  expect(width).toBe(320)
  expect(bodies.get('broken.jpg')).not.toHaveProperty('thumbnail')
  expect(bodies.get('note.txt')).not.toHaveProperty('thumbnail')
})

test('a video goes up with one of its frames', async () => {
  const video = await makeVideo({ seconds: 3, megabitsPerSecond: 1 })
  const { page, signIn, choose, upload } = await visitPage()
  await signIn()
  const opened = page.waitForRequest('**/init-upload')

  await choose(video.path)

  await upload('video.mp4').getByText(IN_TELEGRAM).waitFor()
  const { thumbnail = '' } = (await opened).postDataJSON()
  expect(() => assertThumbnail(Buffer.from(thumbnail, 'base64'))).not.toThrow()
})
