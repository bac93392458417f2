import { pictureAlone } from './picture-alone.ts'

const JPEG = 'image/jpeg'
/** What Telegram takes. */
const MAX_SIDE = 320
const MAX_BYTES = 200 * 1024
/** Tried one after the other, until the JPEG is small enough. */
const QUALITIES = [0.8, 0.5, 0.2]
/** A larger picture takes more memory to decode than its thumbnail is worth. */
const MAX_IMAGE_BYTES = 64 * 1024 * 1024
/** The upload waits for so long for its picture. */
const TIMEOUT_MS = 4_000
/** Seconds: the first frame of many films is black. */
const FRAME_AT = 1

type Drawable = ImageBitmap | HTMLVideoElement

/**
 * A small JPEG of an image, or of a frame of a video; it holds no metadata. Resolves with null where
 * the browser cannot draw the file.
 */
export async function drawThumbnail(file: Blob): Promise<Blob | null> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const late = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
  const drawn = file.type.startsWith('video/') ? drawFrame(file, signal) : drawImage(file)
  // A file goes without a picture that cannot be drawn.
  return Promise.race([drawn.catch(() => null), late])
}

async function drawImage(file: Blob): Promise<Blob | null> {
  if (file.size > MAX_IMAGE_BYTES) return null
  const bitmap = await createImageBitmap(file)
  try {
    return await draw(bitmap, bitmap.width, bitmap.height)
  } finally {
    bitmap.close()
  }
}

async function drawFrame(file: Blob, signal: AbortSignal): Promise<Blob | null> {
  const url = URL.createObjectURL(file)
  const video = document.createElement('video')
  try {
    video.muted = true
    video.playsInline = true
    video.preload = 'auto'
    const loaded = happens(video, 'loadeddata', signal)
    video.src = url
    await loaded
    const sought = happens(video, 'seeked', signal)
    video.currentTime = Math.min(FRAME_AT, video.duration / 2 || 0)
    await sought
    return await draw(video, video.videoWidth, video.videoHeight)
  } finally {
    video.removeAttribute('src')
    video.load()
    URL.revokeObjectURL(url)
  }
}

/** Rejects when the video fails, or the signal aborts. */
function happens(video: HTMLVideoElement, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error('the video cannot be shown'))
    if (signal.aborted) fail()
    video.addEventListener(event, () => resolve(), { once: true, signal })
    video.addEventListener('error', fail, { once: true, signal })
    signal.addEventListener('abort', fail, { once: true })
  })
}

async function draw(source: Drawable, width: number, height: number): Promise<Blob | null> {
  if (width < 1 || height < 1) return null
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height))
  const canvas = createCanvas(Math.ceil(width * scale), Math.ceil(height * scale))
  const { context, encode } = canvas
  if (!context) return null
  // A JPEG has no transparency, and black is no paper.
  context.fillStyle = '#fff'
  context.fillRect(0, 0, canvas.width, canvas.height)
  context.imageSmoothingQuality = 'high'
  context.drawImage(source, 0, 0, canvas.width, canvas.height)
  for (const quality of QUALITIES) {
    const jpeg = await encode(quality)
    const picture = jpeg && pictureAlone(new Uint8Array(await jpeg.arrayBuffer()))
    if (!picture) return null
    if (picture.length <= MAX_BYTES) return new Blob([picture], { type: JPEG })
  }
  return null
}

interface Canvas {
  width: number
  height: number
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D | null
  encode: (quality: number) => Promise<Blob | null>
}

/** One that is on no page, where the browser has that. */
function createCanvas(width: number, height: number): Canvas {
  const size = { width, height }
  if (typeof OffscreenCanvas === 'function') {
    const canvas = new OffscreenCanvas(width, height)
    const encode: Canvas['encode'] = (quality) => canvas.convertToBlob({ type: JPEG, quality })
    return { ...size, context: canvas.getContext('2d'), encode }
  }
  const canvas = Object.assign(document.createElement('canvas'), size)
  const encode: Canvas['encode'] = (quality) =>
    new Promise((resolve) => canvas.toBlob(resolve, JPEG, quality))
  return { ...size, context: canvas.getContext('2d'), encode }
}
