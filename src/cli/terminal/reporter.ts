import type { UploadProgress } from 'telestore-client'
import { printable } from '../../lib/printable.ts'
import { bar, formatBytes, formatSeconds, percentOf, shorten } from './bars.ts'
import type { Screen } from './screen.ts'

/** Shows the progress of a file: bars on a terminal, lines elsewhere. */
export interface Reporter<Progress> {
  tell: (progress: Progress) => void
  /** Removes the bars. */
  end: () => void
}

const LINE_EVERY_MS = 5000
const BAR_COLUMNS = 30

/** The parts of a line. */
interface Row {
  title: string
  /** One for each bar. */
  percents: { label: string; percent: number; note: string }[]
}

function createReporter<Progress>(
  screen: Screen,
  describe: (progress: Progress) => Row,
  { fromMs = 0 }: { fromMs?: number | undefined } = {},
): Reporter<Progress> {
  const since = Date.now()
  let saidAt = 0
  let said = ''

  /** Prints a line when a bar has come to its next tenth, and every five seconds if a number has changed. */
  function sayLine({ title, percents }: Row): void {
    const tenths = percents.map(({ percent }) => Math.floor(percent / 10)).join()
    const parts = percents.map(({ label, percent, note }) =>
      [label, `${Math.floor(percent)} %`, note && `(${note})`].filter((word) => word).join(' '),
    )
    const line = `${title}: ${parts.join(', ')}`
    const now = Date.now()
    if (now - since < fromMs) return
    const due = now - saidAt >= LINE_EVERY_MS && line !== said
    if (tenths === lastTenths && !due) return
    lastTenths = tenths
    saidAt = now
    said = line
    screen.say(line)
  }
  let lastTenths = ''

  return {
    tell: (progress) => {
      const row = describe(progress)
      if (!screen.isTerminal) return sayLine(row)
      const width = Math.max(10, Math.min(BAR_COLUMNS, screen.columns - 50))
      const lines = row.percents.map(
        ({ label, percent, note }) => `  ${label.padEnd(14)} ${bar(percent, width)}  ${note}`,
      )
      screen.draw([row.title, ...lines].map((line) => shorten(line, screen.columns)))
    },
    end: () => screen.draw([]),
  }
}

export interface UploadReporterOptions {
  /** Shown instead of the name of the file. */
  title?: string | undefined
  /** Whether it is one of many files: then it gets lines only when it takes longer. */
  isOneOfMany?: boolean | undefined
}

/** Two bars: to the worker, and into Telegram. */
export function createUploadReporter(
  screen: Screen,
  { title, isOneOfMany = false }: UploadReporterOptions = {},
): Reporter<UploadProgress> {
  const describe = (progress: UploadProgress): Row => {
    const { fileName, sentBytes, totalBytes, telegramPercent, phase, waiting, text } = progress
    const held = phase === 'waiting' && waiting?.on !== 'telegram'
    return {
      title: `${printable(title ?? fileName)} (${formatBytes(totalBytes)})`,
      percents: [
        {
          label: 'to the worker',
          percent: percentOf(sentBytes, totalBytes),
          note:
            held || phase === 'paused' ? text : formatSpeed(progress.speed, progress.secondsLeft),
        },
        {
          label: 'into Telegram',
          percent: telegramPercent,
          note: waiting?.on === 'telegram' ? `Telegram asks to wait ${waiting.seconds} s` : '',
        },
      ],
    }
  }
  return createReporter(screen, describe, { fromMs: isOneOfMany ? LINE_EVERY_MS : 0 })
}

export interface DownloadProgress {
  fileName: string
  receivedBytes: number
  totalBytes: number
  speed: number | null
}

export function createDownloadReporter(
  screen: Screen,
  { isOneOfMany = false }: Pick<UploadReporterOptions, 'isOneOfMany'> = {},
): Reporter<DownloadProgress> {
  const describe = ({ fileName, receivedBytes, totalBytes, speed }: DownloadProgress): Row => ({
    title: `${printable(fileName)} (${formatBytes(totalBytes)})`,
    percents: [
      {
        label: 'from Telegram',
        percent: percentOf(receivedBytes, totalBytes),
        note: formatSpeed(speed, speed ? (totalBytes - receivedBytes) / speed : null),
      },
    ],
  })
  return createReporter(screen, describe, { fromMs: isOneOfMany ? LINE_EVERY_MS : 0 })
}

function formatSpeed(speed: number | null, secondsLeft: number | null): string {
  if (speed === null) return ''
  const rate = `${formatBytes(speed)}/s`
  return secondsLeft === null ? rate : `${rate}, ${formatSeconds(secondsLeft)} left`
}
