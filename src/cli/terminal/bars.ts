import { KiB } from '../../lib/units.ts'

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB']

/** `1 KB` is 1024 bytes, as in the configuration of the worker. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= KiB
    unit++
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

export function formatSeconds(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min ${whole % 60} s`
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`
}

/** Returns `[████░░░░]  40 %`, with a bar of `columns` columns. */
export function bar(percent: number, columns: number): string {
  const width = Math.max(1, columns)
  const full = Math.floor((width * Math.min(100, Math.max(0, percent))) / 100)
  return `[${'█'.repeat(full)}${'░'.repeat(width - full)}] ${String(Math.floor(percent)).padStart(3)} %`
}

/** Cuts text that is longer than a row, which would break the drawing. */
export function shorten(text: string, columns: number): string {
  const characters = [...text]
  return characters.length < columns ? text : `${characters.slice(0, columns - 2).join('')}…`
}

export function percentOf(part: number, whole: number): number {
  return whole === 0 ? 100 : (part / whole) * 100
}
