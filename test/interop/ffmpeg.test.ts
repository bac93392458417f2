import { expect, test } from 'vitest'
import { sha256 } from '../helpers/callers/client.ts'
import { run } from './support/programs.ts'
import { bytesFetched, serveFile } from './support/served-file.ts'
import { makeVideo } from './support/video.ts'

test('ffprobe finds the index at the end, and ffmpeg a frame near it', async () => {
  const video = await makeVideo({ seconds: 20, megabitsPerSecond: 16 })
  const { link, folder, telegram } = await serveFile('video.mp4', video.bytes)

  const show = ['-v', 'error', '-show_entries', 'format=duration', '-of', 'csv=p=0']
  const duration = await run('ffprobe', [...show, link], { home: folder })
  telegram.counters.reset()
  const fromWorker = await frameAt(15, link, folder)
  const fromDisk = await frameAt(15, video.path, folder)
  const before = await frameAt(14.9, video.path, folder)

  expect(Number(duration)).toBeCloseTo(20, 1)
  expect(fromWorker).toBe(fromDisk)
  expect(fromWorker).not.toBe(before)
  expect(bytesFetched(telegram)).toBeLessThan(video.bytes.length)
})

/** The hash of the picture's pixels. */
async function frameAt(second: number, input: string, folder: string): Promise<string> {
  const picture = ['-frames:v', '1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-']
  const args = ['-v', 'error', '-ss', String(second), '-i', input, ...picture]
  return sha256(await run('ffmpeg', args, { home: folder }))
}
