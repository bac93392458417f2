/**
 * SHA-256 of the bytes, hex; null where the browser has no such function, which is on pages that
 * came over plain http from elsewhere than localhost.
 */
export async function digestOf(blob: Blob): Promise<string | null> {
  const { crypto } = globalThis as { crypto?: { subtle?: typeof globalThis.crypto.subtle } }
  if (!crypto?.subtle) return null
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
