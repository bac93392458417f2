/**
 * Frees the memory of pieces at once, where a piece has an ArrayBuffer of its own; other pieces stay
 * as they are. A freed piece is empty, so no caller may use one again.
 *
 * The collector counts only the small objects in front of this memory, and lets tens of megabytes
 * wait for its next round, or makes a round for their sake alone.
 */
export function freeMemory(pieces: Iterable<Uint8Array>): void {
  for (const { buffer, byteLength } of pieces) {
    const isAlone = byteLength > 0 && byteLength === buffer.byteLength
    if (isAlone && buffer instanceof ArrayBuffer) buffer.transfer(0)
  }
}
