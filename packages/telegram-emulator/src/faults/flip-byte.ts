import { open } from 'node:fs/promises'
import type { FaultEffect } from './rules.ts'

type FlipByte = Extract<FaultEffect, { kind: 'flip-byte' }>

function flipsIn(effects: readonly FaultEffect[]): FlipByte[] {
  return effects.filter((effect) => effect.kind === 'flip-byte')
}

/** The bytes with the effects on them: a copy, or the same ones where there is no effect. */
export function flipBytes(effects: readonly FaultEffect[], bytes: Uint8Array): Uint8Array {
  const flips = flipsIn(effects)
  if (flips.length === 0 || bytes.length === 0) return bytes
  const flipped = Uint8Array.from(bytes)
  for (const { at = 0 } of flips) {
    const position = at % flipped.length
    flipped[position] = (flipped[position] ?? 0) ^ 1
  }
  return flipped
}

/** The same for a file, which is changed in its place. */
export async function flipBytesOfFile(
  effects: readonly FaultEffect[],
  path: string,
  size: number,
): Promise<void> {
  const flips = flipsIn(effects)
  if (flips.length === 0 || size === 0) return
  const file = await open(path, 'r+')
  try {
    for (const { at = 0 } of flips) {
      const byte = new Uint8Array(1)
      await file.read(byte, 0, 1, at % size)
      byte[0] = (byte[0] ?? 0) ^ 1
      await file.write(byte, 0, 1, at % size)
    }
  } finally {
    await file.close()
  }
}
