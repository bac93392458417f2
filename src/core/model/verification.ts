import { MiB } from '../../lib/units.ts'

/** How much of a file is read back before it counts as being in Telegram. */
export type VerifyMode = 'off' | 'sample' | 'full'

/** Telegram checks files up to this size itself, by their MD5. */
const CHECKED_BYTES = 10 * MiB
/** Megabytes of a sample, beside the first and the last one. */
const RANDOM_BLOCKS = 4

/**
 * The blocks of 1 MiB that are read back, by their numbers, each once and ascending. `random` returns
 * a number from 0 on and below 1.
 */
export function blocksToVerify(
  mode: VerifyMode,
  size: number,
  random: () => number = Math.random,
): number[] {
  if (mode === 'off' || (mode === 'sample' && size <= CHECKED_BYTES)) return []
  const all = Array.from({ length: Math.ceil(size / MiB) }, (_, block) => block)
  if (mode === 'full') return all
  // The last megabyte of a file mostly lies in two blocks.
  const ends = new Set([0, Math.floor(size / MiB) - 1, all.length - 1])
  const others = all.filter((block) => !ends.has(block))
  const chosen = Array.from({ length: Math.min(RANDOM_BLOCKS, others.length) }, () =>
    others.splice(Math.floor(random() * others.length), 1),
  )
  return [...ends, ...chosen.flat()].sort((one, other) => one - other)
}
