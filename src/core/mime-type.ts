import mime from 'mime'

/** The MIME type a file name suggests, or the one that promises nothing. */
export function lookupMimeType(fileName: string): string {
  return mime.getType(fileName) ?? 'application/octet-stream'
}
