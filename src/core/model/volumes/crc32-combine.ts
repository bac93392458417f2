/** The polynomial of CRC-32 as in ZIP, bits reversed. */
const POLYNOMIAL = 0xed_b8_83_20

/** A linear map of 32 bits: what each bit becomes. */
type Matrix = readonly number[]

/**
 * The CRC-32 of two pieces, one behind the other, by those of the pieces. What `length` zeros behind
 * the first do to its CRC is a linear map, which is squared its way up (zlib's crc32_combine).
 */
export function combineCrc32(first: number, second: number, length: number): number {
  let crc = first
  let zeros = byteOfZeros
  // By division: a length may need more than 32 bits.
  for (let left = length; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) crc = apply(zeros, crc)
    zeros = square(zeros)
  }
  return (crc ^ second) >>> 0
}

const bitOfZeros: Matrix = Array.from({ length: 32 }, (_, bit) =>
  bit === 0 ? POLYNOMIAL : 2 ** (bit - 1),
)
const byteOfZeros = square(square(square(bitOfZeros)))

function apply(matrix: Matrix, vector: number): number {
  return matrix.reduce((sum, column, bit) => ((vector >>> bit) & 1 ? sum ^ column : sum), 0)
}

function square(matrix: Matrix): Matrix {
  return matrix.map((column) => apply(matrix, column))
}
