import type { HealthReader } from '../../../lib/waiting/circuit-breaker.ts'
import type { TelegramCircuits } from '../../circuits.ts'
import { ConnectionError, RpcError } from '../../errors.ts'
import type { TlRequest } from './gramjs.ts'
import { type Opened, type OpenOptions, openSession } from './init-connection.ts'

/** `bulk`: one more connection to a data centre that has one already. */
export type Purpose = 'home' | 'foreign' | 'bulk'

/** `openSession` through the circuit of the address; rejects with `peerDown` while that is open. */
export type Connect = <Answer>(
  options: Omit<OpenOptions, 'openMs'> & { purpose: Purpose },
  query: TlRequest<Answer>,
  signal: AbortSignal,
) => Promise<Opened<Answer>>

/**
 * Only connecting counts for a circuit: a request without an answer on a connection that lives is
 * that request's failure, and a connection that is cut is opened again, which shows whether the
 * data centre is there.
 * `openMs`: milliseconds to connect, and again for the first answer.
 */
export function createConnector(circuits: TelegramCircuits, openMs?: number): Connect {
  return ({ purpose, ...options }, query, signal) => {
    const open = () => openSession({ ...options, openMs }, query, signal)
    if (purpose === 'bulk') return open()
    const { dcId, address } = options
    return circuits.connect({ dcId, address, home: purpose === 'home' }, open, healthReader(signal))
  }
}

/**
 * Any answer shows that Telegram is there: a key that it does not know, a flood wait, a refusal. Its
 * own internal errors (500, -503) may be about one account or file, and are no proof either way.
 */
function healthReader(signal: AbortSignal): HealthReader<unknown> {
  return {
    ofError: (error) => {
      if (signal.aborted) return 'unknown'
      if (error instanceof RpcError) return Math.abs(error.code) >= 500 ? 'unknown' : 'healthy'
      if (!(error instanceof ConnectionError)) return 'unknown'
      if (error.reason === 'key-unknown') return 'healthy'
      return error.reason === 'timeout' ? 'silent' : 'unhealthy'
    },
  }
}
