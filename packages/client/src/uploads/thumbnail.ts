import type { UploadOptions } from './upload-api.ts'

/** Larger ones are refused, and not sent. */
const MAX_BYTES = 200 * 1024

/**
 * Returns what resolves with the picture in base64, which is asked for once; with null where there is
 * none, and where it cannot be read.
 */
export function readOnce(thumbnail: UploadOptions['thumbnail']): () => Promise<string | null> {
  let reading: Promise<string | null> | null = null
  return () => {
    reading ??= read(thumbnail).catch(() => null)
    return reading
  }
}

async function read(thumbnail: UploadOptions['thumbnail']): Promise<string | null> {
  const picture = typeof thumbnail === 'function' ? await thumbnail() : thumbnail
  if (!picture || picture.size === 0 || picture.size > MAX_BYTES) return null
  const bytes = new Uint8Array(await picture.arrayBuffer())
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''))
}
