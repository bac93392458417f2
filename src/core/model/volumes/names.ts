/** Characters of a volume's or a manifest's name at most: servers cut longer ones. */
const MAX_NAME_CHARACTERS = 60
/** Digits of a volume's number at least. */
const MIN_DIGITS = 3
const MANIFEST_ENDING = '.telestore.json'

/** `movie.mkv.001`: sorted by name, the volumes are in the order of their bytes. */
export function volumeName(fileName: string, number: number, count: number): string {
  const digits = Math.max(MIN_DIGITS, String(count).length)
  return withEnding(fileName, `.${String(number).padStart(digits, '0')}`)
}

/** `movie.mkv.telestore.json` */
export function manifestName(fileName: string): string {
  return withEnding(fileName, MANIFEST_ENDING)
}

/** The beginning of a name goes on with the ending; of one that is too long its middle is left out. */
function withEnding(fileName: string, ending: string): string {
  const characters = Array.from(fileName.toWellFormed())
  const room = MAX_NAME_CHARACTERS - ending.length
  if (characters.length <= room) return characters.join('') + ending
  // What is left of the file's own ending tells what it is.
  const [extension = ''] = /\.[^.\s]{1,12}$/u.exec(fileName) ?? []
  const kept = Array.from(extension)
  const beginning = characters.slice(0, room - kept.length).join('')
  return beginning + extension + ending
}
