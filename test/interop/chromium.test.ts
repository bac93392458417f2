import { expect, test, vi } from 'vitest'
import { sha256 } from '../helpers/callers/client.ts'
import { makeTempDir } from '../helpers/temp-dir.ts'
import { colourAtCentre, openBrowser, openPage } from './support/browser.ts'
import { bytesFetched, serveFile, sha256OfFile } from './support/served-file.ts'
import { makeVideo } from './support/video.ts'

const VIDEO = `document.querySelector('video')`

test('a video plays and seeks, and is not read as a whole for it', async () => {
  // Chromium buffers 25 MB ahead before it pauses; the worker and the sockets hold a little more.
  const video = await makeVideo({ seconds: 120, megabitsPerSecond: 8 })
  const { link, folder, telegram } = await serveFile('video.mp4', video.bytes)
  const browser = await openBrowser(folder)
  const page = await openPage(browser, `<video muted preload="metadata" src="${link}"></video>`)

  await page.evaluate(`${VIDEO}.play()`)
  await page.waitForFunction(`${VIDEO}.currentTime > 0.5`)
  const fetchedToPlay = bytesFetched(telegram)
  telegram.counters.reset()
  // Resolves after `seeked`, with the next frame that is on the screen.
  const frame = await page.evaluate(`new Promise((resolve, reject) => {
    const video = ${VIDEO}
    video.onerror = () => reject(new Error(video.error.message))
    video.onseeked = () => video.requestVideoFrameCallback((_now, { mediaTime }) =>
      resolve({ second: Math.floor(mediaTime), videoWidth: video.videoWidth }))
    video.currentTime = 110.5
  })`)

  expect(frame).toEqual({ second: 110, videoWidth: 480 })
  expect(fetchedToPlay).toBeLessThan(video.bytes.length / 2)
  expect(bytesFetched(telegram)).toBeLessThan(video.bytes.length / 3)
})

test('a PDF with its Content-Security-Policy opens in the viewer', async () => {
  const browser = await openBrowser(await makeTempDir())
  const paper = await openPage(browser, '<body style="background: rgb(200, 0, 100)">')
  const pdf = await paper.pdf({ printBackground: true })
  const { link } = await serveFile('paper.pdf', pdf)
  const viewer = await openPage(browser, `<a href="${link}">file</a>`)
  const complaints: string[] = []
  viewer.on('console', (message) => complaints.push(message.text()))
  viewer.on('download', () => complaints.push('it was saved'))

  const [answer] = await Promise.all([viewer.waitForNavigation(), viewer.click('a')])

  expect(answer?.status()).toBe(200)
  await vi.waitFor(async () => {
    expect(await colourAtCentre(await viewer.screenshot(), paper)).toEqual([200, 0, 100])
  })
  expect(complaints.filter((text) => /polic|blocked|refused|saved/i.test(text))).toEqual([])
  const policy = (await fetch(link)).headers.get('content-security-policy')
  expect(policy).not.toBeNull()
})

test('a page of HTML is saved, not shown', async () => {
  const html = Buffer.from('<!doctype html><script>document.title = "ran"</script>')
  const { link, folder } = await serveFile('page.html', html)
  const page = await openPage(await openBrowser(folder), `<a href="${link}">file</a>`)

  const [download] = await Promise.all([page.waitForEvent('download'), page.click('a')])

  expect(download.suggestedFilename()).toBe('page.html')
  expect(await sha256OfFile(await download.path())).toBe(sha256(html))
  expect(await page.title()).toBe('page')
})
