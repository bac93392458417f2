import { randomBytes } from 'node:crypto'
import { lookupMimeType } from '../core/mime-type.ts'

/**
 * Like the web client's own ids: milliseconds, underscore, letters. Deployed clients show an
 * upload's id alone to follow and cancel it, so it must not be guessed: 128 random bits.
 */
export function newUploadId(): string {
  return `${Date.now()}_${randomBytes(16).toString('base64url')}`
}

/** Browsers say octet-stream when they do not know; the name may know better. */
export function mimeTypeOf(declared: string, name: string): string {
  const known = /^[\w.+-]+\/[\w.+-]+$/.test(declared) && declared !== 'application/octet-stream'
  return known ? declared : lookupMimeType(name)
}
