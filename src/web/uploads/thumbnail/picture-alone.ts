const SOS = 0xda
const APP0 = 0xe0
const LAST_APP = 0xef
const COM = 0xfe
/** Behind the length: what JFIF says without a picture of its own. */
const JFIF_BYTES = 14

/**
 * A JPEG without what programs have written into it beside the picture, as the worker takes it: some
 * browsers add EXIF or a profile of colours to what a canvas shows. Returns null for no JPEG.
 */
export function pictureAlone(jpeg: Uint8Array): Uint8Array<ArrayBuffer> | null {
  if (jpeg[0] !== 0xff || jpeg[1] !== 0xd8) return null
  const kept = [jpeg.subarray(0, 2)]
  for (let at = 2; ; ) {
    const [mark, marker = 0, high = 0, low = 0] = jpeg.subarray(at, at + 4)
    const end = at + 2 + high * 256 + low
    if (mark !== 0xff || end > jpeg.length || end < at + 4) return null
    // The codes of the picture follow, and no more segments that programs write.
    if (marker === SOS) return joined([...kept, jpeg.subarray(at)])
    const isJfif = marker === APP0 && end === at + 4 + JFIF_BYTES
    const isNote = marker === COM || (marker >= APP0 && marker <= LAST_APP)
    if (isJfif || !isNote) kept.push(jpeg.subarray(at, end))
    at = end
  }
}

function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((size, { length }) => size + length, 0))
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
