/** A segment: its marker, its length, and what it holds. */
export function segment(marker: number, body: Uint8Array | string): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  const bytes = Buffer.from(body)
  head.writeUInt16BE(bytes.length + 2, 2)
  return Buffer.concat([head, bytes])
}

/** `SOF0`, or another frame, of a colour picture of this size. */
export function frame(width: number, height: number, marker = 0xc0): Buffer {
  const body = Buffer.from('080000000003011100021101031101', 'hex')
  body.writeUInt16BE(height, 1)
  body.writeUInt16BE(width, 3)
  return segment(marker, body)
}

export const SOI = Buffer.from('ffd8', 'hex')
export const EOI = Buffer.from('ffd9', 'hex')
export const JFIF = segment(0xe0, Buffer.from('4a46494600010100000100010000', 'hex'))
export const TABLES = Buffer.concat([
  segment(0xdb, Buffer.concat([Buffer.from([0]), Buffer.alloc(64, 1)])),
  segment(0xc4, Buffer.concat([Buffer.from([0]), Buffer.alloc(16)])),
])

/** A scan with so many bytes of codes, among them a stuffed 0xff and a restart. */
export function scan(bytes = 100): Buffer {
  const head = segment(0xda, Buffer.from('03010002110311003f00', 'hex'))
  return Buffer.concat([
    head,
    Buffer.from('ff00', 'hex'),
    Buffer.alloc(bytes, 7),
    Buffer.from('ffd0', 'hex'),
  ])
}

/** A whole JPEG by its structure; what it shows is nothing. */
export function makePicture(width = 320, height = 180, bytes = 100): Buffer {
  return Buffer.concat([SOI, JFIF, TABLES, frame(width, height), scan(bytes), EOI])
}
