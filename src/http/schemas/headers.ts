/** Every header that answers carry beside HTTP's own, as components of the document. */
const text = (description: string, example: string) => ({
  description,
  schema: { type: 'string', examples: [example] },
  example,
})
const number = (description: string, example: number) => ({
  description,
  schema: { type: 'integer', minimum: 0, examples: [example] },
  example,
})

export const HEADERS = {
  'Server-Timing': text('How long the answer took (W3C Server Timing).', 'total;dur=3.2'),
  'Retry-After': number('Seconds after which the same call may succeed.', 5),
  'Accept-Ranges': text('`bytes`; `none` where only the whole can be sent.', 'bytes'),
  'Cache-Control': text('Whether the answer may be kept.', 'private, no-cache'),
  'Content-Disposition': text(
    "The file's name (RFC 6266), and whether to show or save it.",
    'inline; filename="holiday.mp4"',
  ),
  'Content-Length': number('Size of the body in bytes.', 104_857_600),
  'Content-Range': text(
    'Which bytes the body has, and the size of the file.',
    'bytes 0-1023/104857600',
  ),
  ETag: text("Strong, made of the document's id: the bytes behind it never change.", '"5123456"'),
  'Last-Modified': text(
    "When the file's message was sent or last edited.",
    'Tue, 04 Nov 2025 10:00:00 GMT',
  ),
  'Repr-Digest': text(
    'SHA-256 of the whole file (RFC 9530), where the worker knows it: for files that it has sent itself.',
    'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
  ),
  'Set-Cookie': text(
    'What a browser keeps of this visit, for this share alone.',
    'share_visit=q83vEjRWeJq83vEjWyJzdA; Path=/s/q83vEjRWeJq83vEjWyJzdGFydCIsImVu; HttpOnly',
  ),
  Vary: text('The answer depends on this header.', 'Accept'),
  Location: text(
    "The upload's address, whole or relative to the request's; its last segment is the `uploadId`.",
    'files/1762700000000_Jm3xY0d1bq7RkA9sWc2T5g',
  ),
  'Tus-Resumable': text('Version of the protocol.', '1.0.0'),
  'Tus-Version': text('Versions that the worker supports.', '1.0.0'),
  'Tus-Extension': text(
    'Extensions that the worker supports.',
    'creation,creation-with-upload,termination,expiration,checksum,concatenation',
  ),
  'Tus-Max-Size': number('The largest file, in bytes.', 2_097_152_000),
  'Tus-Checksum-Algorithm': text('Algorithms for `Upload-Checksum`.', 'sha256,sha1,md5'),
  'Upload-Offset': number('Bytes that the worker has: the next ones begin here.', 5_242_880),
  'Upload-Length': number('Size of the whole file in bytes.', 104_857_600),
  'Upload-Metadata': text(
    'Metadata of the creation: keys, and values in base64.',
    'filename aG9saWRheS5tcDQ=,filetype dmlkZW8vbXA0',
  ),
  'Upload-Concat': text('Whether the upload is a part, or was joined from parts.', 'partial'),
  'Upload-Expires': text(
    'When the upload is removed if no more bytes come.',
    'Wed, 05 Nov 2025 10:00:00 GMT',
  ),
} as const

/** Headers of refusals, by their status. */
export const REFUSAL_HEADERS: Readonly<Record<number, readonly HeaderName[]>> = {
  412: ['ETag', 'Tus-Version'],
  416: ['ETag', 'Content-Range'],
}

export type HeaderName = keyof typeof HEADERS
