import { KiB } from '../lib/units.ts'

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'] as const

/** Returns `1 byte`, `340 KB` or `12.4 MB`; 1 KB is 1024 bytes, as in the configuration of the worker. */
export function formatBytes(bytes: number): string {
  if (bytes === 1) return '1 byte'
  let amount = bytes
  let unit = 0
  while (amount >= 1000 && unit < UNITS.length - 1) {
    amount /= KiB
    unit++
  }
  const digits = unit === 0 || amount >= 100 ? 0 : 1
  return `${Number(amount.toFixed(digits))} ${UNITS[unit]}`
}

export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`
}

/** Returns `8 s`, `3 min` or `2 h 5 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.ceil(seconds))} s`
  const minutes = Math.ceil(seconds / 60)
  if (minutes < 90) return `${minutes} min`
  const rest = minutes % 60
  return `${Math.floor(minutes / 60)} h${rest ? ` ${rest} min` : ''}`
}

// Made once: a formatter takes longer to make than all that it formats in a screen.
const HOURS = new Intl.DateTimeFormat([], { hour: 'numeric', minute: '2-digit' })
const DAYS = new Intl.DateTimeFormat([], { day: 'numeric', month: 'short', year: 'numeric' })
const DAYS_AND_HOURS = new Intl.DateTimeFormat([], { dateStyle: 'medium', timeStyle: 'short' })

/** Returns the time for today, and the date for any other day. */
export function formatTime(time: Date, now = new Date()): string {
  return (time.toDateString() === now.toDateString() ? HOURS : DAYS).format(time)
}

/** Returns day and time. */
export function formatDate(time: Date): string {
  return DAYS_AND_HOURS.format(time)
}

export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

/** Isolates a name, so that right-to-left characters in it do not reorder the text around it. */
export function isolate(name: string): string {
  return `\u2068${name}\u2069`
}
