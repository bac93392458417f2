import { styleText } from 'node:util'
import type { DestinationStream } from 'pino'
import { printable } from './lib/printable.ts'

type Fields = Readonly<Record<string, unknown>>
type Style = Parameters<typeof styleText>[0]

/** As much of the process's stdout as is used. */
export type Terminal = NodeJS.WritableStream

/** What the banner has said, or the request's own line will say. */
const LEFT_OUT = /^(Server listening at |incoming request$)/

const LEVELS: readonly { from: number; name: string; style: Style }[] = [
  { from: 60, name: 'FATAL', style: ['bold', 'red'] },
  { from: 50, name: 'ERROR', style: 'red' },
  { from: 40, name: 'WARN', style: 'yellow' },
  { from: 30, name: '', style: 'dim' },
  { from: 20, name: 'debug', style: 'dim' },
  { from: 0, name: 'trace', style: 'dim' },
]

/**
 * A destination for the logger that makes of each JSON line one for a person. Colours are
 * `styleText`'s: none with NO_COLOR or TERM=dumb. Nothing that stands in a line is obeyed by the
 * terminal.
 */
export function createTerminalLog(terminal: Terminal): DestinationStream {
  // A window that was closed: the work goes on.
  terminal.on('error', () => {})
  const paint = (style: Style, text: string): string =>
    text && styleText(style, text, { stream: terminal })
  return {
    write: (json) => {
      const line = toLine(json, paint)
      if (line !== null) terminal.write(`${line}\n`)
    },
  }
}

/** Null for what a person has no need of. */
function toLine(json: string, paint: (style: Style, text: string) => string): string | null {
  const { level, time, msg, reqId: _, res, responseTime, err, ...rest } = fieldsOf(JSON.parse(json))
  const message = typeof msg === 'string' ? msg : ''
  if (LEFT_OUT.test(message)) return null
  const { name = '', style = 'dim' } = LEVELS.find(({ from }) => Number(level) >= from) ?? {}
  const words = [
    paint('dim', timeOf(time)),
    paint(style, name),
    res === undefined ? printable(message) : requestLine(fieldsOf(res), responseTime, paint),
    paint('dim', printable(pairsOf(rest))),
    err === undefined ? '' : errorLines(fieldsOf(err), Number(level) >= 50),
  ]
  return words.filter((word) => word !== '').join('  ')
}

function requestLine(
  { method, path, status }: Fields,
  ms: unknown,
  paint: (style: Style, text: string) => string,
): string {
  const style = Number(status) >= 500 ? 'red' : Number(status) >= 400 ? 'yellow' : 'green'
  const took = typeof ms === 'number' ? paint('dim', `${Math.round(ms)} ms`) : ''
  const what = printable(`${method} ${path}`)
  return [what, paint(style, String(status)), took].filter((word) => word !== '').join(' ')
}

/** `key=value`, each as JSON where it is no plain word. */
function pairsOf(fields: Fields): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}=${isPlain(value) ? value : JSON.stringify(value)}`)
    .join(' ')
}

function isPlain(value: unknown): value is string {
  return typeof value === 'string' && /^[^\s"=]+$/.test(value)
}

/** The error and its causes; where it is a bug, with the places they come from. */
function errorLines(error: Fields, isBug: boolean): string {
  const { type, message, code, stack, cause } = error
  const name = code === undefined ? type : `${type} ${code}`
  const head = printable(`${name}: ${message}`)
  const frames = String(stack ?? '')
    .split('\n')
    .slice(1)
  const places = isBug ? frames.map((frame) => `\n    ${printable(frame.trim())}`).join('') : ''
  const why = cause === undefined ? '' : `\n  because ${errorLines(fieldsOf(cause), isBug)}`
  return `${head}${places}${why}`
}

function timeOf(time: unknown): string {
  const date = new Date(String(time))
  const two = (part: number): string => String(part).padStart(2, '0')
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
