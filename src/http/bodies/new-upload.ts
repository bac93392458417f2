import { randomBytes } from 'node:crypto'

/**
 * Returns an id like the web client's own: milliseconds, underscore, letters. Deployed clients
 * follow and cancel an upload with its id alone, so it has 128 random bits, which cannot be guessed.
 */
export function newUploadId(): string {
  return `${Date.now()}_${randomBytes(16).toString('base64url')}`
}
