/**
 * Spreads the work on many streams over turns of the event loop.
 *
 * Node accepts one new connection in a turn. Where each of some hundred busy sockets gets its piece
 * in every turn, a turn takes a fifth of a second, and a small request waits for many turns.
 */
export interface TurnBudget {
  /** Resolves in the first turn with room left, in the order of asking; at once when this one has. */
  take: (bytes: number) => Promise<void>
}

export function createTurnBudget(bytesPerTurn: number): TurnBudget {
  let left = bytesPerTurn
  let refilling = false
  let waiting: { bytes: number; resolve: () => void }[] = []

  function refillNextTurn(): void {
    if (refilling) return
    refilling = true
    setImmediate(() => {
      refilling = false
      left = bytesPerTurn
      let served = 0
      for (const { bytes, resolve } of waiting) {
        if (left <= 0) break
        left -= bytes
        resolve()
        served++
      }
      waiting = waiting.slice(served)
      if (served > 0 || waiting.length > 0) refillNextTurn()
    })
  }

  return {
    take: (bytes) => {
      refillNextTurn()
      if (left > 0 && waiting.length === 0) {
        left -= bytes
        return Promise.resolve()
      }
      return new Promise((resolve) => waiting.push({ bytes, resolve }))
    },
  }
}

/** Passes pieces on, each in a turn that has room for it. */
export async function* inTurns<Piece extends Uint8Array>(
  source: AsyncIterable<Piece>,
  turns: TurnBudget,
): AsyncGenerator<Piece, void, undefined> {
  for await (const piece of source) {
    await turns.take(piece.length)
    yield piece
  }
}
