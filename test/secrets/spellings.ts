/** Ways in which a secret can stand in a text. */

/** Texts that are shorter turn up by chance. */
export const MIN_LENGTH = 8
/** Of a long secret a stretch of this many characters is as bad as the whole. */
const STRETCH = 32
/** Bytes of a key that are enough to know it was told. */
const KEY_STRETCH = 24

/** Every spelling of a text that must not be found, none shorter than `MIN_LENGTH`. */
export function spellingsOf(secret: string): string[] {
  return stretches(secret).flatMap((text) => [
    ...new Set([
      text,
      encodeURIComponent(text.toWellFormed()),
      JSON.stringify(text).slice(1, -1),
      ...bytesSpellings(Buffer.from(text)),
    ]),
  ])
}

/** The same for a binary key. */
export function keySpellingsOf(key: Buffer): string[] {
  const starts = [0, Math.floor(key.length / 2), Math.max(0, key.length - KEY_STRETCH)]
  return starts.flatMap((start) => bytesSpellings(key.subarray(start, start + KEY_STRETCH)))
}

/** The whole; of a long secret its middle and end too, whose beginning all of its kind may share. */
function stretches(secret: string): string[] {
  if (secret.length < MIN_LENGTH) return []
  if (secret.length < 3 * STRETCH) return [secret]
  const middle = Math.floor(secret.length / 2)
  return [secret.slice(middle, middle + STRETCH), secret.slice(-STRETCH)]
}

/** Hex, and base64 wherever in a longer text the bytes begin. */
function bytesSpellings(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((shift) => base64Within(bytes, shift))
  const urlSafe = base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  return [hex, hex.toUpperCase(), ...base64, ...urlSafe].filter((text) => text.length >= MIN_LENGTH)
}

/** The characters that depend on these bytes alone when `shift` others stand before them. */
function base64Within(bytes: Buffer, shift: number): string {
  const padded = Buffer.concat([Buffer.alloc(shift), bytes])
  const first = shift === 0 ? 0 : shift + 1
  const wholeGroups = Math.floor((padded.length * 8) / 6)
  return padded.toString('base64').slice(first, wholeGroups)
}
