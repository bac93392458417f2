import { open } from 'node:fs/promises'
import { KiB } from '../../lib/units.ts'
import { onDisk } from '../disk/disk-error.ts'
import type { DiskGate } from '../disk/disk-gate.ts'

const PIECE_BYTES = 256 * KiB

/** The bytes of one file, a piece at a time. Rejects with SPOOL_FAILED. */
export async function* readWhole(path: string, gate: DiskGate): AsyncGenerator<Uint8Array> {
  const handle = await gate.run(() => onDisk(open(path, 'r')))
  try {
    for (;;) {
      // A new buffer each time: the consumer may still be writing the last piece.
      const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
      const { bytesRead } = await gate.run(() => onDisk(handle.read(piece, 0, PIECE_BYTES, null)))
      if (bytesRead === 0) return
      yield piece.subarray(0, bytesRead)
    }
  } finally {
    await handle.close().catch(() => {})
  }
}
