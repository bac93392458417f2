/** The marker of a frame header: SOF0 to SOF15 without the tables (C4, C8, CC). */
const isFrame = (marker: number): boolean =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc

/** Returns the width and height of a JPEG; null when the bytes are no JPEG (ITU-T T.81, annex B). */
export function jpegSize(bytes: Uint8Array): { width: number; height: number } | null {
  const image = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (image.length < 4 || image.readUInt16BE(0) !== 0xffd8) return null
  for (let at = 2; at + 9 <= image.length; at += 2 + image.readUInt16BE(at + 2)) {
    if (image[at] !== 0xff) return null
    if (isFrame(image.readUInt8(at + 1)))
      return { height: image.readUInt16BE(at + 5), width: image.readUInt16BE(at + 7) }
  }
  return null
}
