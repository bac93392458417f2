/** Ids for the server's messages: time, growing, 1 modulo 4 for an answer and 3 otherwise (https://core.telegram.org/mtproto/description#message-identifier-msg-id). */
export type MessageIds = (kind: 'answer' | 'other') => bigint

/** Seconds since the epoch when a message with that id was made. */
export function messageTime(id: bigint): number {
  return Number(id >> 32n)
}

/** Makes a source of ids; every id that it gives is unique. */
export function createMessageIds(): MessageIds {
  let last = 0n
  return (kind) => {
    const micros = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000))
    const seconds = micros / 1_000_000n
    const fraction = ((micros % 1_000_000n) << 32n) / 1_000_000n
    const fresh = ((seconds << 32n) | fraction) & ~3n
    last = fresh > last ? fresh : last + 4n
    return last | (kind === 'answer' ? 1n : 3n)
  }
}
