import { createInterface } from 'node:readline'

/**
 * The peer's side of the talk with the bench: prints a line once it is ready, then answers each
 * command of standard input with a line. Ends the process when there are no more.
 */
export async function answerCommands<C>(
  greeting: object,
  obey: (command: C) => Promise<object>,
): Promise<void> {
  console.log(JSON.stringify(greeting))
  for await (const line of createInterface({ input: process.stdin })) {
    console.log(JSON.stringify(await obey(JSON.parse(line))))
  }
  process.exit(0)
}

/** Runs `work`, which resolves with a number of bytes, and takes its time. */
export async function timed(
  work: () => Promise<number>,
): Promise<{ bytes: number; seconds: number }> {
  const startedAt = performance.now()
  const bytes = await work()
  return { bytes, seconds: (performance.now() - startedAt) / 1000 }
}
