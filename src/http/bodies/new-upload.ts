import { randomBytes } from 'node:crypto'

/**
 * Like the web client's own ids: milliseconds, underscore, letters. Deployed clients show an
 * upload's id alone to follow and cancel it, so it must not be guessed: 128 random bits.
 */
export function newUploadId(): string {
  return `${Date.now()}_${randomBytes(16).toString('base64url')}`
}
