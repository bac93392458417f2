/**
 * What a port of promises looks like where its calls are made of synchronous ones, as SQLite's are.
 * A transaction must not wait between BEGIN and COMMIT, so the records of the ledger stay synchronous
 * inside, and become promises in one place.
 */
export type Synchronous<Port> = {
  [Name in keyof Port]: Port[Name] extends (...args: infer Args) => Promise<infer Result>
    ? (...args: Args) => Result
    : Port[Name]
}

/** Makes a call that resolves with what `call` returns, and rejects with what it throws. */
export function resolving<Args extends unknown[], Result>(
  call: (...args: Args) => Result,
): (...args: Args) => Promise<Result> {
  return async (...args) => call(...args)
}
