import { isTypeValid, parse } from 'content-type'

/**
 * Whether a `Content-Type` header names this media type. Capitals, spaces and parameters make no
 * difference (RFC 9110, section 8.3.1).
 */
export function isMediaType(header: string | undefined, type: string): boolean {
  return header !== undefined && parse(header, { parameters: false }).type === type
}

/** Whether a `Content-Type` header names any media type, known or not. */
export function namesMediaType(header: string): boolean {
  return isTypeValid(parse(header, { parameters: false }).type)
}
