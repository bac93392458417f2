import type { CircuitBreaker } from '../../lib/waiting/circuit-breaker.ts'
import { classify, type FailedCall, type Failure, healthAfter } from './failure.ts'

/** The Bot API's circuit. */
export type BotApiCircuit = Pick<CircuitBreaker, 'run' | 'refusal'>

export interface AskOptions extends FailedCall {
  circuit: BotApiCircuit
  signal: AbortSignal
}

/**
 * One exchange, through the circuit. What fails is classified; a circuit that is open is a failure
 * for good, whose error says `peerDown`. Rejects only with the signal's reason.
 */
export async function ask<T>(
  exchange: () => Promise<T>,
  { circuit, signal, ...call }: AskOptions,
): Promise<{ value: T } | Failure> {
  const attempt = async (): Promise<{ value: T } | Failure> => {
    try {
      return { value: await exchange() }
    } catch (error) {
      signal.throwIfAborted()
      return classify(error, call)
    }
  }
  try {
    return await circuit.run(attempt, {
      ofValue: (outcome) => ('kind' in outcome ? healthAfter(outcome, call.trace) : 'healthy'),
      ofError: () => 'unknown',
    })
  } catch (error) {
    signal.throwIfAborted()
    return classify(error, call)
  }
}

/** The same for callers that only want the answer: rejects with the failure's AppError. */
export async function askOrThrow<T>(exchange: () => Promise<T>, options: AskOptions): Promise<T> {
  const outcome = await ask(exchange, options)
  if ('value' in outcome) return outcome.value
  const down = isUnavailable(outcome) ? options.circuit.refusal(outcome.error) : null
  throw down ?? outcome.error
}

function isUnavailable({ error }: Failure): boolean {
  return error.code === 'TELEGRAM_UNAVAILABLE' && !error.peerDown
}
