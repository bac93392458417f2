import type { Finding } from '../check.ts'

/** Links and tokens of one node are judged by the others: more than this can be noticed. */
const NOTED_MS = 5_000
/** Telegram refuses messages from more than 30 s ahead, and nodes questions of that age. */
const MAX_MS = 30_000

/** Reports how far another clock of the cluster is from this machine's. */
export function reportSkew(
  report: (finding: Finding) => void,
  { of, aheadMs }: { of: string; aheadMs: number },
): void {
  const seconds = Math.round(Math.abs(aheadMs) / 1000)
  const check = 'Clocks'
  if (Math.abs(aheadMs) <= NOTED_MS) {
    report({ check, verdict: 'ok', text: `${of} is this machine's within ${seconds + 1} s` })
    return
  }
  report({
    check,
    verdict: Math.abs(aheadMs) > MAX_MS ? 'failed' : 'note',
    text: `${of} is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    advice: 'Set both by NTP, for example `timedatectl set-ntp true`.',
  })
}
