import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeTempDir } from '../../helpers/temp-dir.ts'
import { run } from './programs.ts'

export interface VideoOptions {
  seconds: number
  /** Of noise, so that the size is what seconds and rate make it. */
  megabitsPerSecond: number
}

/** An MP4 whose index comes last, as ffmpeg writes it without `faststart`. */
export async function makeVideo(options: VideoOptions): Promise<{ path: string; bytes: Buffer }> {
  const { seconds, megabitsPerSecond } = options
  const folder = await makeTempDir()
  const path = join(folder, 'video.mp4')
  const picture = `testsrc=size=480x270:rate=10:duration=${seconds},noise=alls=60:allf=t`
  const codec = ['-c:v', 'libx264', '-preset', 'ultrafast', '-g', '10', '-pix_fmt', 'yuv420p']
  const rate = ['-b:v', `${megabitsPerSecond}M`]
  const args = ['-v', 'error', '-f', 'lavfi', '-i', picture, ...codec, ...rate, path]
  await run('ffmpeg', args, { home: folder })
  const bytes = await readFile(path)
  if (bytes.indexOf('moov') < bytes.indexOf('mdat')) throw new Error('the index comes first')
  return { path, bytes }
}
