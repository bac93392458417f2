import { isIP } from 'node:net'
import { z } from 'zod'
import { MiB } from '../lib/units.ts'

/**
 * The kinds of values that environment variables have. No error repeats a value. `values` of `meta`
 * names the kind in docs/configuration.md where JSON Schema has no word for it.
 */

const UNITS: Record<string, number> = { '': 1, KB: 1024, MB: MiB, GB: 1024 * MiB }

/** Bytes, or a number with KB, MB or GB (1024 each); at least `min`. */
export const size = (min = 1) =>
  z
    .string()
    .transform((text, context) => {
      const [, digits, unit = ''] = /^(\d+)\s*(KB|MB|GB)?$/i.exec(text.trim()) ?? []
      const bytes = Number(digits) * (UNITS[unit.toUpperCase()] ?? Number.NaN)
      if (Number.isSafeInteger(bytes) && bytes >= min) return bytes
      const least = min > 1 ? `, ${min} bytes or more` : ''
      const message = `expected bytes, or a number with KB, MB or GB${least}`
      context.addIssue({ code: 'custom', message })
      return z.NEVER
    })
    .meta({ values: 'size' })

export const wholeNumber = (min: number, max = Number.MAX_SAFE_INTEGER) => {
  const error =
    max === Number.MAX_SAFE_INTEGER
      ? `expected a whole number, ${min} or more`
      : `expected a whole number from ${min} to ${max}`
  return z.coerce.number({ error }).int({ error }).min(min, { error }).max(max, { error })
}

export const seconds = (min: number, max?: number) =>
  wholeNumber(min, max).meta({ values: 'seconds' })

/** A timer that is set for longer than 2^31 - 1 ms fires at once. */
export const milliseconds = (min: number) =>
  wholeNumber(min, 2 ** 31 - 1).meta({ values: 'milliseconds' })

export const flag = z
  .enum(['true', 'false'], { error: 'expected true or false' })
  .transform((text) => text === 'true')

export const text = z.string().min(1)

export const webAddress = z.url({
  protocol: /^https?$/,
  error: 'expected an address with http:// or https://',
})

/** Callers see this address, and the worker appends paths to it. */
export const rootAddress = webAddress.refine(
  (address) => {
    const url = URL.parse(address)
    return url === null || `${url.username}${url.password}${url.search}${url.hash}` === ''
  },
  { error: 'expected an address without a user, a query and a fragment' },
)

export const list = z
  .string()
  .transform((items) =>
    items
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  )
  .meta({ values: 'list' })

/** As browsers name them in `Origin`: scheme, host and port. An empty list stands for every origin. */
export const origins = list
  .transform((items) => items.map((item) => item.replace(/\/+$/, '').toLowerCase()))
  .transform((items) => (items.includes('*') ? [] : items))
  .refine(
    (items) => items.every((item) => /^[a-z][a-z\d+.-]*:\/\/[^\s/?#@]+$/.test(item)),
    'expected origins such as https://app.example, separated by commas, or *',
  )
  .meta({ values: 'list' })

/** Names that stand for several networks. */
const NETWORK_NAMES = new Set(['loopback', 'linklocal', 'uniquelocal'])

/** `false`, a number of proxies, or their addresses. Fastify stops the start on any other. */
export const trustedProxies = z
  .string()
  .refine(
    (value) => /^(false|[1-9])$/.test(value) || value.split(',').every(isAddressOrNetwork),
    'expected false, a number of proxies from 1 to 9, or addresses',
  )

function isAddressOrNetwork(item: string): boolean {
  const [, address = '', prefix] = /^\s*([^/\s]+)(?:\/(\d{1,3}))?\s*$/.exec(item) ?? []
  if (NETWORK_NAMES.has(address)) return prefix === undefined
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1
  return Number(prefix ?? 0) <= bits
}
