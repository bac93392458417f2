/** So many messages take the processor as long as one. */
const MAX_TOGETHER = 4
/**
 * How long the first of them waits for the others. An answer of Telegram takes longer, and where
 * messages come this close many parts are on their way: waiting costs no speed.
 */
const GATHER_MS = 12
/** Messages that say which connections are in use. */
const REMEMBERED = 8

interface Waiting<Message, Result> {
  message: Message
  resolve: (result: Result) => void
  reject: (error: unknown) => void
}

/** `connection` is where the message goes or comes from, which has no other one until this is done. */
export type Gathering<Message, Result> = (message: Message, connection: object) => Promise<Result>

/**
 * Gathers large messages of several connections for a cipher that takes four at once. One that comes
 * alone is given to it at once: only those that follow others within 12 ms wait, for as long at the
 * most, and for no more messages than there are connections in use. `work` answers in the order of
 * its messages.
 */
export function createGathering<Message, Result>(
  work: (messages: readonly Message[]) => readonly Result[],
): Gathering<Message, Result> {
  let waiting: Waiting<Message, Result>[] = []
  let timer: NodeJS.Timeout | undefined
  let workedAt = Number.NEGATIVE_INFINITY
  let recent: object[] = []

  function workNow(): void {
    clearTimeout(timer)
    const together = waiting
    waiting = []
    try {
      const results = work(together.map(({ message }) => message))
      for (const [index, { resolve }] of together.entries()) resolve(results[index] as Result)
    } catch (error) {
      for (const { reject } of together) reject(error)
    }
    workedAt = performance.now()
  }

  return (message, connection) =>
    new Promise((resolve, reject) => {
      recent = [...recent.slice(1 - REMEMBERED), connection]
      waiting.push({ message, resolve, reject })
      const company = Math.min(MAX_TOGETHER, new Set(recent).size)
      const waitMs = workedAt + GATHER_MS - performance.now()
      if (waiting.length >= company || waitMs <= 0) workNow()
      else if (waiting.length === 1) timer = setTimeout(workNow, waitMs)
    })
}
