import type { CircuitStatus } from '../core/ports/health.ts'
import type { Log } from '../core/ports/log.ts'
import { AppError } from '../errors.ts'
import {
  type CircuitBreaker,
  type CircuitLimits,
  createCircuitBreaker,
  type HealthReader,
} from '../lib/waiting/circuit-breaker.ts'
import type { Address } from './mtproto/connection/session.ts'

export interface TelegramCircuitsOptions {
  log: Log
  /** The MTProto server that stands in for Telegram's, if any. */
  server: Address | null
  limits?: Partial<CircuitLimits> | undefined
  /** Milliseconds that only ever go forward. */
  now?: () => number
}

export interface Place {
  dcId: number
  address: Address
  /** Whether the account that connects lives there. */
  home: boolean
}

/** The circuits before Telegram: one for the Bot API, one for each data centre's endpoint. */
export interface TelegramCircuits {
  readonly botApi: Pick<CircuitBreaker, 'run' | 'refusal'>
  /**
   * Runs work that connects to a data centre at an address. Addresses come from strings that users
   * bring along, so that each has a circuit of its own: one that leads nowhere shuts out no other.
   */
  connect: <T>(place: Place, work: () => Promise<T>, health: HealthReader<T>) => Promise<T>
  /** What `connect` would reject with now, or null. */
  refusal: (dcId: number, address: Address) => Error | null
  /**
   * What has been used of late: `bot-api`, `dc1` to `dc5`, `cdn`. A data centre has the state of the
   * best of its endpoints; addresses that are not Telegram's and never worked are left out.
   */
  status: () => Record<string, CircuitStatus>
  /**
   * The names in `status` without which an account can do nothing: data centres that are connected
   * to for files only are left out.
   */
  vital: () => string[]
}

interface Endpoint {
  readonly name: string
  readonly circuit: CircuitBreaker
  home: boolean
  known: boolean
  usedAt: number
}

const MAX_ENDPOINTS = 256
/** For how long after its last use an endpoint says something about its data centre. */
const RECENT_MS = 600_000
const BEST_FIRST = ['closed', 'half-open', 'open'] as const

export function createTelegramCircuits(options: TelegramCircuitsOptions): TelegramCircuits {
  const { log, server, limits, now = () => performance.now() } = options
  const endpoints = new Map<string, Endpoint>()
  let botApiUsedAt = Number.NEGATIVE_INFINITY

  const open = (circuit: string): CircuitBreaker =>
    createCircuitBreaker({
      ...limits,
      refuse: peerDown,
      onStateChange: (state) => log.warn({ circuit, state }, 'a circuit has changed'),
    })

  function find(dcId: number, address: Address): Endpoint {
    const key = keyOf(dcId, address)
    const endpoint = endpoints.get(key) ?? make(dcId, address)
    // Last in the map means used last.
    endpoints.delete(key)
    endpoints.set(key, endpoint)
    const [oldest] = endpoints.keys()
    if (endpoints.size > MAX_ENDPOINTS && oldest !== undefined) endpoints.delete(oldest)
    return endpoint
  }

  function make(dcId: number, { host }: Address): Endpoint {
    const name = dcId >= 1 && dcId <= 5 ? `dc${dcId}` : 'cdn'
    const known = isTelegrams(host) || host === server?.host
    return { name, circuit: open(name), home: false, known, usedAt: now() }
  }

  const recent = (): Endpoint[] =>
    [...endpoints.values()].filter(({ known, usedAt }) => known && usedAt > now() - RECENT_MS)

  const botApi = open('bot-api')
  const botApiRecent = (): boolean => botApiUsedAt > now() - RECENT_MS
  return {
    botApi: {
      run: (work, health) => {
        botApiUsedAt = now()
        return botApi.run(work, health)
      },
      refusal: botApi.refusal,
    },
    connect: async ({ dcId, address, home }, work, health) => {
      const endpoint = find(dcId, address)
      endpoint.home ||= home
      endpoint.usedAt = now()
      const connected = await endpoint.circuit.run(work, health)
      endpoint.known = true
      return connected
    },
    refusal: (dcId, address) => endpoints.get(keyOf(dcId, address))?.circuit.refusal() ?? null,
    status: () => {
      const all: Record<string, CircuitStatus> = {}
      if (botApiRecent()) all['bot-api'] = statusOf(botApi)
      for (const { name, circuit } of recent()) {
        const before = all[name]
        if (!before || isBetter(circuit, before)) all[name] = statusOf(circuit)
      }
      return all
    },
    vital: () => {
      const homes = recent().flatMap(({ home, name }) => (home ? name : []))
      return [...new Set(botApiRecent() ? ['bot-api', ...homes] : homes)]
    },
  }
}

/** What calls get while Telegram, or the part of it that they want, is down. */
export function peerDown(retryAfter: number, cause?: unknown): AppError {
  const options = { cause, retryAfter, peerDown: true }
  return new AppError('TELEGRAM_UNAVAILABLE', 'Telegram cannot be reached', options)
}

export function isPeerDown(error: unknown): error is AppError {
  return error instanceof AppError && error.peerDown
}

function keyOf(dcId: number, { host, port }: Address): string {
  return `${dcId}@${host}:${port}`
}

function statusOf({ state, retryAfter }: CircuitBreaker): CircuitStatus {
  return { state, retryAfter }
}

function isBetter(one: CircuitStatus, other: CircuitStatus): boolean {
  const difference = BEST_FIRST.indexOf(one.state) - BEST_FIRST.indexOf(other.state)
  return difference < 0 || (difference === 0 && one.retryAfter < other.retryAfter)
}

/** Telegram's networks (core.telegram.org/resources/cidr.txt), roughly: good enough for a report. */
function isTelegrams(host: string): boolean {
  return /^149\.154\.1(?:6\d|7[0-5])\.|^91\.108\.|^2001:0?(?:67c|b28):/i.test(host)
}
