/**
 * Returns the SHA-256 of the bytes, hex. Returns null where the browser has no such function: on pages
 * that came by plain http from elsewhere than localhost.
 */
export async function digestOf(blob: Blob): Promise<string | null> {
  const { crypto } = globalThis as { crypto?: { subtle?: typeof globalThis.crypto.subtle } }
  if (!crypto?.subtle) return null
  const digest = await crypto.subtle.digest('SHA-256', await blob.arrayBuffer())
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
