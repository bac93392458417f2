import { printable } from '../../lib/printable.ts'
import type { LeftOut } from './find-files.ts'

/** Counts how the files of one command ended. */
export interface UploadTally {
  readonly counts: UploadCounts
  sent: () => void
  /** Sent by an earlier run of the same command. */
  sentBefore: () => void
  failed: (path: string, reason: string) => void
  leaveOut: (why: LeftOut) => void
  leaveUntried: () => void
  /** Lines for a person, with the failures at the end. */
  summary: () => string[]
}

export interface UploadCounts {
  sent: number
  sentBefore: number
  failed: number
  notTried: number
  leftOut: Record<LeftOut, number>
}

/** A longer list is not read, and each failure was reported when it happened. */
const MAX_LISTED = 50

export function createUploadTally(): UploadTally {
  const leftOut = { system: 0, link: 0, special: 0, twice: 0 }
  const counts: UploadCounts = { sent: 0, sentBefore: 0, failed: 0, notTried: 0, leftOut }
  const failures: string[] = []

  return {
    counts,
    sent: () => void counts.sent++,
    sentBefore: () => void counts.sentBefore++,
    failed: (path, reason) => {
      counts.failed++
      if (failures.length < MAX_LISTED) failures.push(`  ${printable(path)}: ${reason}`)
    },
    leaveOut: (why) => void leftOut[why]++,
    leaveUntried: () => void counts.notTried++,
    summary: () => {
      const { sent, sentBefore, failed, notTried } = counts
      const isNothing = sent + sentBefore + failed + notTried === 0
      const lines = [isNothing ? 'There is nothing to send' : `${countOf(sent, 'file')} sent`]
      if (sentBefore > 0) {
        lines.push(
          `${countOf(sentBefore, 'file')} sent before (--no-resume sends all of them again)`,
        )
      }
      for (const [why, words] of LEFT_OUT) {
        if (leftOut[why] > 0) lines.push(`${leftOut[why]} left out: ${words}`)
      }
      if (notTried > 0) lines.push(`${notTried} more not tried`)
      if (failed === 0) return lines
      const more =
        failed > failures.length ? [`  and ${failed - failures.length} more, named above`] : []
      return [...lines, `${failed} failed:`, ...failures, ...more]
    },
  }
}

const LEFT_OUT: readonly [LeftOut, string][] = [
  ['system', 'systems keep them for themselves, such as .DS_Store (--all sends them)'],
  ['link', 'symbolic links in folders (name them to send what they lead to)'],
  ['special', 'sockets, pipes and devices'],
  ['twice', 'named twice, or in a folder that is named'],
]

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
