import { createHash, hash } from 'node:crypto'

/** SHA-1 of the pieces as if they were one. */
export function sha1(...pieces: Uint8Array[]): Buffer {
  return digest('sha1', pieces)
}

/** SHA-256 of the pieces as if they were one. */
export function sha256(...pieces: Uint8Array[]): Buffer {
  return digest('sha256', pieces)
}

function digest(algorithm: 'sha1' | 'sha256', pieces: Uint8Array[]): Buffer {
  if (pieces.length === 1 && pieces[0]) return hash(algorithm, pieces[0], 'buffer')
  const state = createHash(algorithm)
  for (const piece of pieces) state.update(piece)
  return state.digest()
}
