import { isTokenValid, parse } from 'content-type'
import mime from 'mime'

/** What says nothing about a file. */
const UNKNOWN = 'application/octet-stream'

/** How types are named (RFC 6838, section 4.2); tokens of HTTP may be more, `*` among them. */
const NAME = /^[a-z0-9][\w!#$&^.+-]{0,126}\/[a-z0-9][\w!#$&^.+-]{0,126}$/

/** The longest name of a registered charset has 45 characters. */
const MAX_CHARSET_LENGTH = 64

/** The MIME type a file name suggests, or the one that promises nothing. */
export function lookupMimeType(fileName: string): string {
  return mime.getType(fileName) ?? UNKNOWN
}

/**
 * A file's type: what its sender says, or, where that says nothing, what its name suggests.
 * Browsers say octet-stream when they do not know, and the name may know better.
 *
 * Of the parameters only a charset stays, without which text cannot be read. What plays or opens a
 * file goes by the bare type, and Telegram's apps know of no other.
 */
export function mimeTypeOf(declared: string | null | undefined, fileName: string): string {
  const { type, parameters } = parse(declared ?? '')
  if (!NAME.test(type) || type === UNKNOWN) return lookupMimeType(fileName)
  const charset = parameters.charset ?? ''
  const usable = isTokenValid(charset) && charset.length <= MAX_CHARSET_LENGTH
  return usable ? `${type}; charset=${charset}` : type
}
