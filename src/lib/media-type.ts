import { isTypeValid, parse } from 'content-type'

/** The media type that a `Content-Type` names, in small letters and without its parameters. */
export function bareTypeOf(header: string): string {
  return parse(header, { parameters: false }).type
}

/**
 * Whether a `Content-Type` header names this media type. Capitals, spaces and parameters make no
 * difference (RFC 9110, section 8.3.1).
 */
export function isMediaType(header: string | undefined, type: string): boolean {
  return header !== undefined && bareTypeOf(header) === type
}

/** Whether a `Content-Type` header names any media type, known or not. */
export function namesMediaType(header: string): boolean {
  return isTypeValid(bareTypeOf(header))
}
