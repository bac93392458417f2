import type { Api } from './gramjs.ts'
import type { Address } from './session.ts'

/** The addresses of Telegram's data centres, as `help.getConfig` gives them. */
export interface DataCentres {
  /** For ordinary calls, or null for an unknown data centre. */
  main: (dcId: number) => Address | null
  /** For parts of files, on which connections may share a key; best first. */
  media: (dcId: number) => Address[]
  cdn: (dcId: number) => Address[]
}

/** An entry of `dcOptions`, as gramjs reads it. */
export type DcOption = Pick<
  Api.DcOption,
  'id' | 'ipAddress' | 'port' | 'ipv6' | 'mediaOnly' | 'tcpoOnly' | 'cdn' | 'secret'
>

/**
 * Sorts the options. Those for IPv6 (there may be none here), for obfuscated transports only
 * (`tcpoOnly`, `secret`) are left out: core.telegram.org/constructor/dcOption.
 */
export function readDataCentres(options: readonly DcOption[]): DataCentres {
  const usable = options.filter((option) => !option.ipv6 && !option.tcpoOnly && !option.secret)
  const pick = (dcId: number, fits: (option: DcOption) => boolean): Address[] =>
    usable
      .filter((option) => option.id === dcId && fits(option))
      .map((option) => ({ host: option.ipAddress, port: option.port }))

  return {
    main: (dcId) => pick(dcId, (option) => !option.mediaOnly && !option.cdn)[0] ?? null,
    media: (dcId) => pick(dcId, (option) => option.mediaOnly === true && !option.cdn),
    cdn: (dcId) => pick(dcId, (option) => option.cdn === true),
  }
}

/** Where to begin without a session: Telegram's data centre 2. */
export const TELEGRAM_ENTRY = { dcId: 2, host: '149.154.167.51', port: 443 }

/** Telegram's data centres, for a session whose address this host cannot reach. */
const TELEGRAM_HOSTS = [
  '149.154.175.50',
  '149.154.167.51',
  '149.154.175.100',
  '149.154.167.91',
  '91.108.56.165',
]

/** The same data centre over IPv4, when the address is one of Telegram's for IPv6. */
export function reachableInstead(dcId: number, { host }: Address): Address | null {
  const instead = TELEGRAM_HOSTS[dcId - 1]
  return instead !== undefined && /^2001:0?(67c|b28):/i.test(host)
    ? { host: instead, port: 443 }
    : null
}
