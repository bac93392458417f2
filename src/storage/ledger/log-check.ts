/** What is left of SQLite's write-ahead log (https://sqlite.org/fileformat2.html#walformat). */
export type LogState =
  /** Nothing of it is lost; a write that was cut off at its end was never acknowledged. */
  | 'whole'
  /** Behind its last good frame there is more: SQLite passes over it without a word. */
  | 'torn'
  /** Not even its header is one: SQLite passes over all of it without a word. */
  | 'unreadable'

const HEADER_BYTES = 32
const FRAME_HEADER_BYTES = 24
/** The last bit says how the words of the checksums are stored. */
const MAGIC = 0x377f0682

interface LogHeader {
  pageBytes: number
  bigEndian: boolean
  salts: readonly [number, number]
  sum: Sum
}

type Sum = readonly [number, number]

/**
 * Reads a log as SQLite does when it opens one after a crash: every frame carries the header's salts,
 * and a checksum over all that came before it.
 */
export function checkLog(log: Buffer): LogState {
  if (log.length === 0) return 'whole'
  const header = readHeader(log)
  if (header === null) return 'unreadable'
  const frameBytes = FRAME_HEADER_BYTES + header.pageBytes
  let sum: Sum | null = header.sum
  for (let at = HEADER_BYTES; at + frameBytes <= log.length; at += frameBytes) {
    const frame = log.subarray(at, at + frameBytes)
    sum = nextSum(frame, sum, header)
    if (sum === null) return isOfEarlierLog(frame, header) ? 'whole' : 'torn'
  }
  return 'whole'
}

/** Null when it is none. */
function readHeader(log: Buffer): LogHeader | null {
  if (log.length < HEADER_BYTES) return null
  const magic = log.readUInt32BE(0)
  if (magic !== MAGIC && magic !== MAGIC + 1) return null
  const bigEndian = magic === MAGIC + 1
  const sum = addWords(log.subarray(0, 24), [0, 0], bigEndian)
  if (sum[0] !== log.readUInt32BE(24) || sum[1] !== log.readUInt32BE(28)) return null
  const salts = [log.readUInt32BE(16), log.readUInt32BE(20)] as const
  return { pageBytes: log.readUInt32BE(8), bigEndian, salts, sum }
}

/** The checksum after a good frame; null after any other. */
function nextSum(frame: Buffer, before: Sum, { salts, bigEndian }: LogHeader): Sum | null {
  if (frame.readUInt32BE(8) !== salts[0] || frame.readUInt32BE(12) !== salts[1]) return null
  const half = addWords(frame.subarray(0, 8), before, bigEndian)
  const sum = addWords(frame.subarray(FRAME_HEADER_BYTES), half, bigEndian)
  return sum[0] === frame.readUInt32BE(16) && sum[1] === frame.readUInt32BE(20) ? sum : null
}

/** A log begins anew in its own file, with the first salt counted up: the rest has been moved. */
function isOfEarlierLog(frame: Buffer, { salts }: LogHeader): boolean {
  return frame.readUInt32BE(8) === (salts[0] - 1) >>> 0
}

function addWords(bytes: Buffer, [first, second]: Sum, bigEndian: boolean): Sum {
  let [s0, s1] = [first, second]
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    s0 = (s0 + s1 + (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))) >>> 0
    s1 = (s1 + s0 + (bigEndian ? bytes.readUInt32BE(at + 4) : bytes.readUInt32LE(at + 4))) >>> 0
  }
  return [s0, s1]
}
